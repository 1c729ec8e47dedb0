import assert from 'node:assert/strict'
import { interned } from './intern.ts'

describe('interned', () => {
  it('gives back an equal text, whatever was asked before', () => {
    for (let index = 0; index < 50_000; index++)
      assert.equal(interned(`layer ${index % 30_000}`), `layer ${index % 30_000}`)
  })
})
