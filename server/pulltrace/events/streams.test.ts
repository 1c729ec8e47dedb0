import assert from 'node:assert/strict'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code } from '../../../core/lib/errors.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { everyPull, parsePullFilter } from './filter.ts'
import { EventHub, type HubOptions } from './hub.ts'
import { podRef, pullState } from './pull-state.fake.ts'
import { FakeSink } from './stream-sink.fake.ts'
import { StreamView } from './stream-view.fake.ts'
import { type StreamOptions, type StreamRequest, Streams } from './streams.ts'

function setUp(options: Partial<StreamOptions & HubOptions> = {}) {
  const clock = new FakeClock(Date.parse('2026-11-21T10:00:00Z'))
  const hub = new EventHub({ clock, epoch: 'e1', maxEntries: 1000, maxBytes: 10_000_000, ...options })
  const streams = new Streams(hub, { clock, random: () => 0.5, ...options })
  const open = (request: Partial<StreamRequest> = {}, sink = new FakeSink()) => {
    sink.listener = streams.open(sink, { filter: everyPull, layers: false, lastEventId: undefined, ...request })
    return sink
  }
  const start = (id: string, more: Partial<PullState> = {}) =>
    hub.publish([{ type: 'pull.started', pull: pullState(id, more) }])
  const progress = (id: string, more: Partial<PullState> = {}) => {
    hub.publish([{ type: 'pull.progress', pull: pullState(id, more) }])
    hub.flush()
  }
  const end = (id: string, phase: 'completed' | 'failed' | 'unknown' = 'completed') =>
    hub.publish([{ type: phase === 'completed' ? 'pull.completed' : 'pull.failed', pull: pullState(id, { phase }) }])
  return { clock, hub, streams, open, start, progress, end }
}

const filterOf = (query: string) => parsePullFilter(new URLSearchParams(query))

function textOf(sink: FakeSink): string {
  sink.take()
  return Buffer.concat(sink.read.splice(0)).toString()
}

/** Each event in one short line: `7 started a`, `- progress a left`, `synced 7`. */
function linesOf(sink: FakeSink): string[] {
  const blocks = textOf(sink).split('\n\n').slice(0, -1)
  return blocks.flatMap(block => {
    const field = (name: string) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1]
    const seq = field('id')?.split('-')[1] ?? '-'
    if (field('event')) return `${field('event')} ${seq}`
    if (!field('data')) return []
    const { type, pull, left } = JSON.parse(field('data')!)
    return `${seq} ${type.slice(5)} ${pull.id}${left ? ' left' : ''}`
  })
}

describe('Streams', () => {
  it('writes the first state, then synced, byte for byte', () => {
    const { open, start } = setUp()
    start('a')
    const [hello, state, synced, rest] = textOf(open()).split('\n\n')
    assert.equal(hello, 'retry: 2000\nid: e1-partial')
    assert.match(state!, /^data: \{"schemaVersion":"v1","timestamp":"2026-11-21T10:00:00.000Z","type":"pull.progress",/)
    assert.equal(synced, 'event: synced\nid: e1-1\ndata: {}')
    assert.equal(rest, '')
  })

  it('sends layers only to those who ask', () => {
    const { open, start } = setUp()
    const [plain, layers] = [open(), open({ layers: true })]
    start('a')
    assert.doesNotMatch(textOf(plain), /"layers":/)
    assert.match(textOf(layers), /"layers":\[\{"digest":"sha256:one"/)
  })

  it('sends starts and ends at once, and the newest progress at the flush', () => {
    const { hub, open, start, end } = setUp()
    const sink = open()
    start('a')
    start('b')
    for (const downloadedBytes of [1, 2, 3]) {
      for (const id of ['a', 'b']) hub.publish([{ type: 'pull.progress', pull: pullState(id, { downloadedBytes }) }])
    }
    end('b')
    hub.flush()
    assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 started b', '3 completed b', '4 progress a'])
  })

  it('sends all that matches in one write for each client', () => {
    const { hub, open } = setUp()
    const sink = open()
    const before = sink.writes
    hub.publish(['a', 'b', 'c'].map(id => ({ type: 'pull.started', pull: pullState(id) }) as const))
    assert.equal(sink.writes - before, 1)
  })

  it('writes nothing for a filter that nothing matches', () => {
    const { open, start } = setUp()
    const sink = open({ filter: filterOf('node=node-z') })
    const before = sink.writes
    start('a')
    assert.equal(sink.writes, before)
  })

  it('makes the bytes of an event once for all clients of a filter', () => {
    const { open, start } = setUp()
    const sinks = [open(), open()]
    for (const sink of sinks) sink.take()
    const seen: Buffer[] = []
    for (const sink of sinks) {
      sink.write = bytes => {
        seen.push(bytes)
        return true
      }
    }
    start('a')
    assert.equal(seen[0], seen[1])
  })

  it('sends a second start of a pull as progress', () => {
    const { hub, open, start } = setUp()
    const sink = open()
    start('a')
    start('a')
    hub.flush()
    assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 progress a'])
  })

  it('sends a reopened pull as progress, and its true end', () => {
    const { open, start, progress, end } = setUp()
    const sink = open()
    start('a')
    end('a', 'unknown')
    progress('a')
    end('a', 'completed')
    assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 failed a', '3 progress a', '4 completed a'])
  })

  it('sends a reason that came after the end at once, and leaves the pull ended', () => {
    const { hub, open, start, end } = setUp()
    const sink = open()
    start('a')
    end('a', 'failed')
    hub.publish([{ type: 'pull.progress', pull: pullState('a', { phase: 'failed', error: 'unauthorized' }) }])
    assert.deepEqual(linesOf(sink).slice(2), ['2 failed a', '3 progress a'])
    assert.deepEqual(hub.snapshot().pulls, [])
  })

  describe('a pull that no longer matches', () => {
    const filter = filterOf('phase=downloading')

    it('is sent once more with left', () => {
      const { open, start, progress } = setUp()
      const sink = open({ filter })
      start('a')
      progress('a', { phase: 'unpacking' })
      progress('a', { phase: 'unpacking', unpackedBytes: 1 })
      assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 progress a left'])
    })

    it('leaves with its end', () => {
      const { open, start, end } = setUp()
      const sink = open({ filter })
      start('a')
      end('a')
      assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 completed a left'])
    })

    it('leaves when its last pod goes', () => {
      const { open, start, progress } = setUp()
      const sink = open({ filter: filterOf('namespace=shop') })
      start('a', { pods: [podRef('shop', 'web')] })
      progress('a', { pods: [podRef('ops', 'web')] })
      assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 progress a left'])
    })
  })

  describe('resuming', () => {
    const rows: { name: string; lastEventId: string; query?: string; lines: string[] }[] = [
      {
        name: 'tells every start and end, and the newest progress',
        lastEventId: 'e1-1',
        lines: ['2 started b', '3 completed b', '5 progress a'],
      },
      { name: 'tells nothing when nothing was missed', lastEventId: 'e1-5', lines: [] },
      {
        name: 'tells of a leave under the number it happened at',
        lastEventId: 'e1-1',
        query: 'phase=downloading',
        lines: ['2 started b', '3 completed b left', '4 progress a left'],
      },
      { name: 'tells of no leave that was told', lastEventId: 'e1-4', query: 'phase=downloading', lines: [] },
      { name: 'resets an id of another epoch', lastEventId: 'e0-1', lines: ['reset -', '- progress a', 'synced 5'] },
      {
        name: 'resets an id that was never given',
        lastEventId: 'e1-6',
        lines: ['reset -', '- progress a', 'synced 5'],
      },
      {
        name: 'resets a first state that was cut',
        lastEventId: 'e1-partial',
        lines: ['reset -', '- progress a', 'synced 5'],
      },
      { name: 'resets text that is no id', lastEventId: '\u0000', lines: ['reset -', '- progress a', 'synced 5'] },
    ]
    for (const row of rows) {
      it(row.name, () => {
        const { open, start, progress, end } = setUp()
        start('a')
        start('b')
        end('b')
        progress('a', { phase: 'unpacking' })
        progress('a', { phase: 'unpacking', unpackedBytes: 1 })
        const sink = open({ lastEventId: row.lastEventId, filter: filterOf(row.query ?? '') })
        assert.deepEqual(linesOf(sink), row.lines)
      })
    }

    it('resets what lies behind the ring', () => {
      const { streams, open, start, end } = setUp({ maxEntries: 2 })
      start('a')
      start('b')
      end('b')
      assert.deepEqual(linesOf(open({ lastEventId: 'e1-1' })), ['2 started b', '3 completed b'])
      assert.deepEqual(linesOf(open({ lastEventId: 'e1-0' })), ['reset -', '- progress a', 'synced 3'])
      assert.equal(streams.counters.resets, 1)
    })
  })

  describe('a slow client', () => {
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

  it('sends each client a comment every 15 sweeps', () => {
    const { streams, open } = setUp()
    const sinks = [open(), open(), open()]
    for (const sink of sinks) textOf(sink)
    for (let second = 0; second < 30; second++) streams.sweep()
    for (const sink of sinks) assert.equal(textOf(sink), ':\n\n:\n\n')
  })

  it('flushes every period until it is aborted, and once more then', async () => {
    const { clock, hub, open } = setUp()
    const sink = open()
    const stop = new AbortController()
    hub.listen(() => stop.abort())
    hub.publish([{ type: 'pull.progress', pull: pullState('a') }])
    await hub.run(clock, 250, stop.signal)
    assert.deepEqual(clock.slept, [250])
    assert.deepEqual(linesOf(sink), ['synced 0', '1 progress a'])
  })

  it('sweeps every second until it is aborted', async () => {
    const { clock, streams, open } = setUp({ maxStallMs: 5000 })
    const stop = new AbortController()
    const sink = open({}, new FakeSink(1))
    const { listener } = sink
    sink.listener = {
      ...listener,
      drained() {},
      closed() {
        listener.closed()
        stop.abort()
      },
    }
    await streams.run(stop.signal)
    assert.deepEqual(clock.slept, [1000, 1000, 1000, 1000, 1000, 1000])
    assert.equal(streams.counters.slow, 1)
  })

  it('counts the filters in use', () => {
    const { streams, open } = setUp()
    const sinks = [open(), open(), open({ layers: true }), open({ filter: filterOf('node=b,a') })]
    sinks.push(open({ filter: filterOf('node=a&node=b') }))
    assert.equal(streams.filters, 3)
    for (const sink of sinks) sink.destroy()
    assert.equal(streams.filters, 0)
  })

  it('counts the clients whose socket is full', () => {
    const { streams, open } = setUp()
    const slow = open({}, new FakeSink(1))
    open()
    assert.equal(streams.lagging, 1)
    slow.take()
    assert.equal(streams.lagging, 0)
  })

  it('ends every stream when it closes, and takes no new one', () => {
    const { streams, open } = setUp()
    const sink = open()
    streams.close()
    assert.deepEqual(linesOf(sink), ['synced 0'])
    assert.equal(sink.closed, true)
    assert.equal(streams.active, 0)
    assert.throws(() => open(), { code: Code.Unavailable })
  })

  it('counts writes, events, bytes and clients', () => {
    const { streams, open, start } = setUp()
    const sinks = [open(), open()]
    start('a')
    const bytes = sinks.reduce((sum, sink) => sum + sink.take(), 0)
    assert.deepEqual(streams.counters, { writes: 6, events: 4, bytes, resets: 0, slow: 0 })
    assert.equal(streams.active, 2)
    sinks[0]!.destroy()
    assert.equal(streams.active, 1)
  })

  it('keeps the ring within its entries and bytes', () => {
    const { hub, open, start, end } = setUp({ maxEntries: 100, maxBytes: 50_000 })
    open()
    open({ layers: true })
    for (let index = 0; index < 300; index++) {
      start(`p${index}`)
      end(`p${index}`)
      assert.ok(hub.ringSize.entries <= 100 && hub.ringSize.bytes <= 50_000, JSON.stringify(hub.ringSize))
    }
    assert.ok(hub.ringSize.entries > 5)
  })
})
