import assert from 'node:assert/strict'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { maxBytesOf, maxBytesWhenFull } from './max-bytes.ts'

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

describe('maxBytesWhenFull', () => {
  const { blocks, bsize } = statfsSync(tmpdir())

  it('is 70 % of the volume when the store has more than that', async () =>
    assert.equal(await maxBytesWhenFull(tmpdir(), blocks * bsize), Math.floor(0.7 * blocks * bsize)))

  it('is nothing when others have filled it', async () =>
    assert.equal(await maxBytesWhenFull(tmpdir(), 0.6 * blocks * bsize), undefined))

  it('is what is configured when the store has more than that', async () =>
    assert.equal(await maxBytesWhenFull(tmpdir(), 2000, 1000), 1000))
})
