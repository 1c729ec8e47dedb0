import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type BufferedEvent, EventBuffer } from './event-buffer.ts'

const limits = { maxEvents: 6, maxBytes: 100 }
let made = 0
const eventOf = (size: number): BufferedEvent => ({ id: String(++made), bytes: new Uint8Array(size), shared: {} })
const bytesOf = (events: readonly BufferedEvent[]) => events.reduce((sum, { bytes }) => sum + bytes.length, 0)

describe('EventBuffer', () => {
  it('is a queue within its limits, whatever is put, taken and put back', () => {
    const size = fc.integer({ min: 0, max: 60 })
    const step = fc.oneof(
      fc.record({ offer: size }),
      fc.record({ take: fc.integer({ min: 0, max: 7 }) }),
      fc.record({ putBack: fc.array(size, { maxLength: 4 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const buffer = new EventBuffer(limits)
        let model: BufferedEvent[] = []
        for (const what of steps) {
          if ('offer' in what) {
            const event = eventOf(what.offer)
            const fits = model.length < limits.maxEvents && bytesOf(model) + what.offer <= limits.maxBytes
            assert.equal(buffer.offer(event), fits)
            if (fits) model.push(event)
          } else if ('take' in what) {
            assert.deepEqual(buffer.take(what.take), model.splice(0, what.take))
          } else {
            const events = what.putBack.map(eventOf)
            model = [...events, ...model]
            let dropped = 0
            for (; model.length > limits.maxEvents || bytesOf(model) > limits.maxBytes; dropped++) model.shift()
            assert.equal(buffer.putBack(events), dropped)
          }
          assert.deepEqual([buffer.events, buffer.bytes], [model.length, bytesOf(model)])
          assert.equal(buffer.full, model.length >= limits.maxEvents || bytesOf(model) >= limits.maxBytes)
          assert.equal(buffer.peek(1), model[1])
        }
        assert.equal(buffer.clear(), model.length)
        assert.deepEqual([buffer.events, buffer.bytes], [0, 0])
      }),
      { numRuns: 500 },
    )
  })

  it('stays a queue when thousands went through it', () => {
    const buffer = new EventBuffer({ maxEvents: 5_000, maxBytes: 1e6 })
    const seen: string[] = []
    const all: string[] = []
    for (let n = 0; n < 20_000; n++) {
      const event = eventOf(1)
      all.push(event.id)
      assert.ok(buffer.offer(event))
      if (n % 100 === 99) seen.push(...buffer.take(n % 200 === 99 ? 150 : 40).map(({ id }) => id))
    }
    seen.push(...buffer.take(20_000).map(({ id }) => id))
    assert.deepEqual(seen, all)
  })
})
