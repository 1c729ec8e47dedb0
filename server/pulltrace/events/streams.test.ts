import assert from 'node:assert/strict'
import { Code } from '../../../core/lib/errors.ts'
import { podRef, pullState } from './pull-state.fake.ts'
import { FakeSink } from './stream-sink.fake.ts'
import { filterOf, linesOf, setUp, textOf } from './streams.fake.ts'

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

  it('ends what another pull replaces without an event, and tells those who do not see the other that it left', () => {
    const { hub, open, start } = setUp()
    const [all, queued] = [open(), open({ filter: filterOf('phase=queued') })]
    start('q', { phase: 'queued' })
    start('a', { replaces: ['q'] })
    assert.deepEqual(linesOf(all), ['synced 0', '1 started q', '2 started a'])
    assert.deepEqual(linesOf(queued), ['synced 0', '1 started q', '3 progress q left'])
    assert.deepEqual(
      hub.snapshot().pulls.map(({ id }) => id),
      ['a'],
    )
    assert.deepEqual(linesOf(open({ lastEventId: 'e1-1' })), ['2 started a'])
    assert.deepEqual(linesOf(open({ lastEventId: 'e1-1', filter: filterOf('phase=queued') })), ['3 progress q left'])
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

  it('starts each pull once, also one that goes on or ends after it had ended under the server before', () => {
    const { hub, open } = setUp()
    const sink = open()
    hub.publish([{ type: 'pull.progress', pull: pullState('a') }])
    hub.publish([{ type: 'pull.completed', pull: pullState('b', { phase: 'completed' }) }])
    assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 started b', '3 completed b'])
    assert.deepEqual(
      hub.snapshot().pulls.map(({ id }) => id),
      ['a'],
    )
    hub.publish([{ type: 'pull.completed', pull: pullState('a', { phase: 'completed' }) }])
    assert.deepEqual(linesOf(sink), ['4 completed a'])
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
    hub.publish([{ type: 'pull.started', pull: pullState('a') }])
    hub.listen(() => stop.abort())
    hub.publish([{ type: 'pull.progress', pull: pullState('a') }])
    await hub.run(clock, 250, stop.signal)
    assert.deepEqual(clock.slept, [250])
    assert.deepEqual(linesOf(sink), ['synced 0', '1 started a', '2 progress a'])
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
