import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createFolder } from './create-folder.ts'

describe('createFolder', () => {
  let dir: string
  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'pulltrace-folder-'))
  })
  afterEach(() => rmSync(dir, { recursive: true }))

  it('makes a folder with its parents, for their owner alone, and leaves one that is there', () => {
    const folder = path.join(dir, 'a/b/c')
    createFolder(folder)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(path.join(dir, 'a')).mode & 0o777, 0o700)
    chmodSync(folder, 0o755)
    createFolder(folder)
    assert.equal(statSync(folder).mode & 0o777, 0o755)
  })

  it('fails where a file has the name, or the name of a parent', () => {
    const file = path.join(dir, 'file')
    writeFileSync(file, '')
    const fault = { code: 'ENOTDIR', message: `'${file}' is a file and not a folder` }
    assert.throws(() => createFolder(file), fault)
    assert.throws(() => createFolder(path.join(file, 'a/b')), fault)
  })

  it('fails at once where nothing can be made', () => {
    assert.throws(() => createFolder('/proc/nothing/here'), { code: 'ENOENT' })
  })
})
