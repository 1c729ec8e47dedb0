import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { maxBytesOf } from './max-bytes.ts'

describe('maxBytesOf', () => {
  it('is at most 70 % of the volume', async () => {
    const { blocks, bsize } = statfsSync(tmpdir())
    const maxBytes = await maxBytesOf(tmpdir(), 0)
    assert.ok(maxBytes > 0 && maxBytes <= 0.7 * blocks * bsize)
  })

  it('counts what the store has already as its own', async () => {
    const gain = (await maxBytesOf(tmpdir(), 2 ** 40)) - (await maxBytesOf(tmpdir(), 0))
    assert.ok(Math.abs(gain / (0.7 * 2 ** 40) - 1) < 0.05)
  })

  it('is never above what is configured', async () => assert.equal(await maxBytesOf(tmpdir(), 0, 1000), 1000))
})
