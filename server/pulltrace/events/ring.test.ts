import assert from 'node:assert/strict'
import { AttributeHistory } from './attribute-history.ts'
import { Emission, Frame } from './emission.ts'
import { pullState } from './pull-state.fake.ts'
import { Ring } from './ring.ts'

const stamp = { epoch: 'e1', atMs: 0 }

function emission(seq: number, id = `p${seq}`): Emission {
  const history = new AttributeHistory()
  const pull = pullState(id)
  return new Emission({ stamp, seq, type: 'pull.started', pull, history, before: undefined, kept: true })
}

describe('Ring', () => {
  it('keeps the newest entries and says from where on it is whole', () => {
    const ring = new Ring({ maxEntries: 3, maxBytes: 1e9 })
    assert.equal(ring.floor, 0)
    for (let seq = 2; seq <= 400; seq += 2) ring.push(emission(seq))
    assert.equal(ring.floor, 394)
    const since = (seq: number) => ring.after(seq).map(entry => entry.seq)
    assert.deepEqual(since(394), [396, 398, 400])
    assert.deepEqual(since(396), [398, 400])
    assert.deepEqual(since(397), [398, 400])
    assert.deepEqual(since(400), [])
  })

  it('counts the bytes that are made from its entries, and lets the oldest go for them', () => {
    const first = emission(1)
    const ring = new Ring({ maxEntries: 10, maxBytes: first.heldBytes + emission(2).heldBytes + 100 })
    ring.push(first)
    const second = emission(2)
    ring.push(second)
    second.bytes(Frame.plain)
    assert.deepEqual(ring.size, { entries: 1, bytes: second.heldBytes })
  })

  it('counts nothing of an entry that has gone', () => {
    const ring = new Ring({ maxEntries: 1, maxBytes: 1e9 })
    const gone = emission(1)
    ring.push(gone)
    ring.push(emission(2))
    const before = ring.size
    gone.bytes(Frame.plain)
    assert.deepEqual(ring.size, before)
    assert.equal(ring.newestOf('p1'), undefined)
  })

  it('finds the newest entry of a pull, also when an older one goes', () => {
    const ring = new Ring({ maxEntries: 1, maxBytes: 1e9 })
    ring.push(emission(1, 'a'))
    const newest = emission(2, 'a')
    ring.push(newest)
    assert.equal(ring.newestOf('a'), newest)
  })
})
