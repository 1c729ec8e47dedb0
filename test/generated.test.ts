import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { generate, generated } from '../docs/generate.ts'

describe('generated files', () => {
  it('are what the code says; `make update-generated` makes them so', () => {
    assert.deepEqual(generate('.', true), [])
  })

  it('are told to be stale when they are missing, and made once', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-docs-'))
    assert.deepEqual(generate(folder, true), [...generated().keys()])
    assert.deepEqual(generate(folder, false), [...generated().keys()])
    assert.deepEqual(generate(folder, true), [])
    rmSync(folder, { recursive: true })
  })
})
