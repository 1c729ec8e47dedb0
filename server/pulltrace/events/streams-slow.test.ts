import assert from 'node:assert/strict'
import { FakeSink } from './stream-sink.fake.ts'
import { StreamView } from './stream-view.fake.ts'
import { linesOf, setUp } from './streams.fake.ts'

describe('Streams with a slow client', () => {
  it('changes no write of the others, and catches up when it drains', () => {
    const { hub, open, start, progress } = setUp()
    const slow = open({}, new FakeSink(1))
    const other = open()
    other.take()
    const before = other.writes
    start('a')
    for (let index = 0; index < 50; index++) progress('a', { downloadedBytes: index })
    assert.equal(other.writes - before, 51)
    const view = new StreamView()
    slow.take()
    for (const bytes of slow.read) view.feed(bytes)
    assert.equal(view.pulls.get('a')?.downloadedBytes, 49)
    assert.equal(view.lastEventId, hub.lastEventId)
    assert.equal(view.log.length, 2)
  })

  it('costs no more than a full socket and a piece, whatever is published', () => {
    const pieceBytes = 64 * 1024
    const { open, start, progress, end } = setUp({ pieceBytes, maxDebtBytes: Number.POSITIVE_INFINITY })
    const sink = open({}, new FakeSink(16 * 1024))
    for (let index = 0; index < 2000; index++) {
      start(`p${index}`)
      progress(`p${index}`)
      if (index % 2) end(`p${index}`)
    }
    assert.ok(sink.bufferedBytes < 16 * 1024 + pieceBytes, `${sink.bufferedBytes} bytes`)
    sink.take(1)
    assert.ok(sink.bufferedBytes < 16 * 1024 + pieceBytes, `${sink.bufferedBytes} bytes`)
  })

  it('gets a large first state in pieces, and no disconnection for it', () => {
    const { streams, open, start } = setUp({ pieceBytes: 4096, maxDebtBytes: 10_000 })
    for (let index = 0; index < 500; index++) start(`p${index}`)
    const sink = open({}, new FakeSink(4096))
    assert.ok(sink.bufferedBytes < 3 * 4096)
    assert.equal(linesOf(sink).length, 501)
    assert.equal(streams.active, 1)
  })

  it('is disconnected when starts and ends above its cap wait for it', () => {
    const { streams, open, start, progress } = setUp({ maxDebtBytes: 5000 })
    const sink = open({}, new FakeSink(1))
    start('a')
    for (let index = 0; index < 100; index++) progress('a', { downloadedBytes: index })
    assert.equal(sink.closed, false)
    for (let index = 0; index < 10; index++) start(`p${index}`)
    assert.equal(sink.closed, true)
    assert.equal(streams.counters.slow, 1)
    assert.equal(streams.active, 0)
  })

  it('is not held to account for what it missed before it came', () => {
    const { streams, open, start } = setUp({ maxDebtBytes: 5000, pieceBytes: 1 })
    for (let index = 0; index < 50; index++) start(`p${index}`)
    const sink = open({ lastEventId: 'e1-0' }, new FakeSink(1))
    sink.take(1000)
    start('a')
    assert.equal(sink.closed, false)
    assert.equal(linesOf(sink).at(-1), '51 started a')
    assert.equal(streams.counters.slow, 0)
  })

  it('stays connected while it gets on, though it never catches up', () => {
    const frameBytes = 600
    const { streams, open, start } = setUp({ maxDebtBytes: 12 * frameBytes, pieceBytes: 1 })
    const sink = open({}, new FakeSink(1))
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 6; index++) start(`p${round}-${index}`)
      assert.equal(sink.closed, false)
      sink.take(5 * frameBytes)
      assert.equal(streams.lagging, 1)
    }
    assert.equal(linesOf(sink).at(-1), '30 started p4-5')
  })

  it('is reset when it is behind the ring', () => {
    const { streams, open, start, end } = setUp({ maxEntries: 2 })
    const sink = open({}, new FakeSink(1))
    for (const id of ['a', 'b', 'c']) {
      start(id)
      if (id !== 'c') end(id)
    }
    assert.deepEqual(linesOf(sink), ['synced 0', 'reset -', '- progress c', 'synced 5'])
    assert.equal(streams.counters.resets, 1)
  })

  it('is forgotten when it closes while it is written to', () => {
    const { streams, open, start } = setUp({ maxDebtBytes: 1000 })
    const sink = open()
    open()
    sink.write = () => {
      sink.destroy()
      return false
    }
    for (let index = 0; index < 10; index++) start(`p${index}`)
    assert.equal(streams.active, 1)
    assert.equal(streams.counters.slow, 0)
  })

  it('is written nothing more once it has closed', () => {
    const { open, start } = setUp()
    const sink = open({}, new FakeSink(1))
    start('a')
    sink.destroy()
    sink.write = () => assert.fail('it is gone')
    sink.listener.drained()
  })

  it('is disconnected when it has taken nothing for the limit', () => {
    const { clock, streams, open } = setUp({ maxStallMs: 60_000 })
    const sink = open({}, new FakeSink(1))
    clock.advance(60_000)
    streams.sweep()
    assert.equal(sink.closed, false)
    clock.advance(1)
    streams.sweep()
    assert.equal(sink.closed, true)
    assert.equal(streams.counters.slow, 1)
  })
})
