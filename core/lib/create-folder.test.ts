import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createFolder } from './create-folder.ts'

describe('createFolder', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'pulltrace-folder-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('makes a folder with its parents, and leaves one that is there', () => {
    const folder = path.join(dir, 'a/b/c')
    createFolder(folder)
    createFolder(folder)
    assert.equal(statSync(folder).mode & 0o777, 0o750)
  })

  it('fails where a file has the name, or the name of a parent', () => {
    const file = path.join(dir, 'file')
    writeFileSync(file, '')
    assert.throws(() => createFolder(file), { code: 'EEXIST' })
    assert.throws(() => createFolder(path.join(file, 'a/b')), { code: 'ENOTDIR' })
  })

  it('fails at once where nothing can be made', () => {
    assert.throws(() => createFolder('/proc/nothing/here'), { code: 'ENOENT' })
  })
})
