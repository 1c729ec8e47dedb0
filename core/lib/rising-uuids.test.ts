import assert from 'node:assert/strict'
import { RisingUuids } from './rising-uuids.ts'

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const msOf = (id: string) => Number.parseInt(id.replace('-', '').slice(0, 12), 16)

describe('RisingUuids', () => {
  it('makes UUIDs of version 7 that say when', () => {
    const id = new RisingUuids().next(Date.UTC(2026, 0, 31, 8))
    assert.match(id, form)
    assert.equal(msOf(id), Date.UTC(2026, 0, 31, 8))
  })

  it('rises within a millisecond, beyond what one has room for, and when the clock goes back', () => {
    const uuids = new RisingUuids()
    const at = [...Array<number>(10_000).fill(1000), 500, 1500, 1500.7]
    const ids = at.map(ms => uuids.next(ms))
    assert.ok(ids.every(id => form.test(id)))
    assert.deepEqual(ids, ids.toSorted())
    assert.equal(new Set(ids).size, ids.length)
    assert.equal(msOf(ids.at(-1)!), 1500)
  })
})
