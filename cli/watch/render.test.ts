import assert from 'node:assert/strict'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import stringWidth from 'string-width'
import type { Pull } from '../../core/contract/pull.ts'
import { layerStates, phases } from '../../core/contract/words.ts'
import { buildEvent } from './event-server.fake.ts'
import { type Frame, renderWatch } from './render.ts'
import { WatchView } from './watch-view.ts'

const nowMs = Date.parse('2026-11-21T10:00:05Z')
const frame = (over: Partial<Frame> = {}): Frame => ({
  width: 100,
  height: 24,
  nowMs,
  layers: false,
  color: false,
  keys: false,
  server: 'http://127.0.0.1:8080',
  ...over,
})

function viewOf(pulls: readonly Partial<Pull>[]): WatchView {
  const view = new WatchView()
  view.apply({ kind: 'open', resumed: false }, nowMs)
  for (const [index, pull] of pulls.entries()) {
    view.apply({ kind: 'event', id: undefined, data: {}, event: buildEvent({}, { id: `p${index}`, ...pull }) }, nowMs)
  }
  view.apply({ kind: 'synced' }, nowMs)
  return view
}
const lineOf = (pull: Partial<Pull>, width: number) => renderWatch(viewOf([pull]), frame({ width }))[1]

describe('renderWatch', () => {
  it('shows below a pull which rules it breaks, and beside one that is done', () => {
    const violations = [{ ruleId: 'r1', name: 'no such registry', action: 'fail' }]
    const done = { phase: 'completed', completedAt: '2026-11-21T10:00:12.300Z', violations } as const
    const lines = renderWatch(viewOf([{ violations }, done]), frame({ width: 120 }))
    assert.equal(lines[2], "  ! breaks 'no such registry'")
    assert.match(lines[3]!, /100 MiB in 12s, .* ! breaks 'no such registry'/)
    assert.match(lineOf(done, 60)!, /done.* !/)
  })

  const mib = 1024 * 1024
  const ended = { completedAt: '2026-11-21T10:00:12.300Z' }
  for (const { name, pull, width, want } of [
    {
      name: 'a download, wide',
      pull: {},
      width: 120,
      want: 'registry.example.com/team/app:v1 downloading ███████████████████▏░░░░░░░░░░░  62%  62.0/100 MiB 12.5 MiB/s     3s node-a',
    },
    {
      name: 'a download in 80 columns',
      pull: {},
      width: 80,
      want: '…/team/app:v1               ████▉░░░  62%  62.0/100 MiB 12.5 MiB/s     3s node-a',
    },
    { name: 'a download in 40 columns', pull: {}, width: 40, want: '…/team/app:v1       ████▉░░░  62%     3s' },
    { name: 'a download in 20 columns', pull: {}, width: 20, want: '…/team/app:v1  62%' },
    {
      name: 'a download of unknown size',
      pull: { totalKnown: false, totalBytes: undefined, percent: undefined, etaSeconds: undefined },
      width: 80,
      want: '…',
    },
    { name: 'a stall', pull: { stalledSince: '2026-11-21T09:59:33Z' }, width: 80, want: 'stalled 32s' },
    {
      name: 'unpacking',
      pull: { phase: 'unpacking', unpackedBytes: 25 * mib },
      width: 100,
      want: '25%  25.0/100 MiB unpacking',
    },
    { name: 'resolving', pull: { phase: 'resolving' }, width: 80, want: 'asking the registry' },
    { name: 'a silent node', pull: { stale: true }, width: 80, want: 'node silent' },
    { name: 'a queued pull', pull: { phase: 'queued' }, width: 80, want: 'waiting for the node to begin' },
    {
      name: 'what a pull took',
      pull: { phase: 'completed', ...ended, cachedBytes: 40 * mib, bytesPerSec: 8.1 * mib },
      width: 120,
      want: 'completed   100 MiB in 12s, 8.1 MiB/s, 40% cached',
    },
    {
      name: 'what a pull took, narrow',
      pull: { phase: 'completed', ...ended },
      width: 40,
      want: 'done: 100 MiB in 12s',
    },
    {
      name: 'a pull that was all there',
      pull: { phase: 'completed', ...ended, cachedBytes: 100 * mib },
      width: 120,
      want: 'completed   100 MiB, all of it cached in 12s',
    },
    {
      name: 'a failure in plain words',
      pull: { phase: 'failed', errorCode: 'NotFound', error: 'manifest unknown' },
      width: 120,
      want: 'failed      the registry has no such image (manifest unknown)',
    },
    {
      name: 'a failure, narrow',
      pull: { phase: 'failed', errorCode: 'NoSpace', error: 'write /x: no space left on device' },
      width: 40,
      want: 'the disk is full',
    },
    {
      name: 'a failure without a code',
      pull: { phase: 'failed', error: 'it broke' },
      width: 120,
      want: 'failed      it broke',
    },
    { name: 'an end that nobody saw', pull: { phase: 'unknown', ...ended }, width: 120, want: 'ended, nobody saw how' },
    {
      name: 'an escape in an error as text',
      pull: { phase: 'failed', error: '\u001B[2Jboom' },
      width: 120,
      want: 'failed      �[2Jboom',
    },
  ] as const) {
    it(`draws ${name}`, () => {
      const line = lineOf(pull as Partial<Pull>, width)!
      assert.ok(line.includes(want), `'${line}' must hold '${want}'`)
    })
  }

  it('says how many are under way, done and failed, and what state it is in', () => {
    const [head] = renderWatch(viewOf([{}, {}, { phase: 'completed' }, { phase: 'failed' }]), frame())
    assert.equal(head, `2 pulling · 25.0 MiB/s · 1 done · 1 failed${' '.repeat(29)}http://127.0.0.1:8080  ● live`)
  })

  it('says that nothing is pulled, but only when it knows', () => {
    assert.deepEqual(renderWatch(viewOf([]), frame({ width: 60 })).slice(1), ['No image is being pulled right now.'])
    assert.deepEqual(renderWatch(new WatchView(), frame({ width: 60 })).slice(1), ['connecting…'])
  })

  it('counts down to the next try', () => {
    const view = viewOf([{}])
    view.apply({ kind: 'lost', reason: 'the connection broke', retryAtMs: nowMs + 1800 }, nowMs)
    assert.match(
      renderWatch(view, frame())[1]!,
      /^reconnecting in 2 s… \(the connection broke; what follows is what was last known\)/,
    )
    assert.match(renderWatch(view, frame({ nowMs: nowMs + 1801 }))[1]!, /^reconnecting…/)
  })

  it('says that it shows demo data, however narrow', () => {
    for (const width of [20, 40, 80, 200]) {
      assert.match(renderWatch(viewOf([{ nodeName: 'demo-data-laptop' }]), frame({ width }))[0]!, /DEMO DATA/)
    }
  })

  it('says how many lines there was no room for', () => {
    const view = viewOf(Array.from({ length: 40 }, (_, index) => ({ startedAt: `2026-11-21T10:00:${10 + index}Z` })))
    const lines = renderWatch(view, frame({ height: 10 }))
    assert.equal(lines.length, 10)
    assert.equal(lines[9], '… and 32 more under way')
  })

  it('keeps room for what ended beside what is under way', () => {
    const view = viewOf(
      Array.from({ length: 40 }, (_, index) => ({ phase: index < 20 ? 'downloading' : 'completed' }) as const),
    )
    const lines = renderWatch(view, frame({ height: 13 }))
    assert.equal(lines.length, 13)
    assert.equal(lines.filter(line => line.includes('62%')).length, 8)
    assert.deepEqual(
      lines.filter(line => line.startsWith('…')),
      ['… and 12 more under way', '… and 18 more ended'],
    )
  })

  it('shows what is under way above however much has ended, with its layers', () => {
    const layers = [{ digest: 'sha256:01', state: 'waiting', totalBytes: 5, downloadedBytes: 0, totalKnown: true }]
    const done = Array.from({ length: 50 }, () => ({ phase: 'completed' }) as const)
    const view = viewOf([{ layers } as Partial<Pull>, ...done])
    const lines = renderWatch(view, frame({ width: 80, height: 23, layers: true }))
    assert.match(lines[1]!, / 62% /)
    assert.equal(lines[2], '  layers: 1 waiting')
    assert.equal(lines[22], '… and 31 more ended')
  })

  it('hides no pull while layers of another or a line of nothing stand there', () => {
    const layer = { digest: 'sha256:01', state: 'downloading', totalBytes: 5, downloadedBytes: 0, totalKnown: true }
    const violations = [{ ruleId: 'r1', name: 'r', action: 'fail' }]
    const pull = fc.record({ layers: fc.integer({ min: 0, max: 8 }), breaks: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(pull, { maxLength: 40 }),
        fc.nat({ max: 40 }),
        fc.integer({ min: 2, max: 40 }),
        fc.boolean(),
        (under, endedCount, height, layers) => {
          const view = viewOf([
            ...under.map(({ layers: count, breaks }, index) => ({
              imageRef: `active-${index}:1`,
              layers: Array.from({ length: count }, () => layer) as NonNullable<Pull['layers']>,
              violations: breaks ? violations : [],
            })),
            ...Array.from({ length: endedCount }, () => ({ imageRef: 'ended:1', phase: 'completed' }) as const),
          ])
          const lines = renderWatch(view, frame({ width: 120, height, layers }))
          const own = lines.filter(line => line.startsWith('active-')).length
          const below = lines.filter(line => line.startsWith('  ')).length
          const ended = lines.filter(line => line.startsWith('ended:') || line.endsWith('more ended')).length
          const room = height - 1
          const quarter = Math.min(endedCount, Math.floor(room / 4))
          const forActive = room - quarter
          assert.ok(lines.length <= height)
          assert.ok(ended >= quarter)
          if (under.length <= forActive) assert.equal(own, under.length)
          else {
            assert.equal(own, forActive - 1)
            assert.equal(lines[forActive], `… and ${under.length - own} more under way`)
          }
          const wanted = under.reduce((sum, { layers: n, breaks }) => sum + (layers ? n : 0) + (breaks ? 1 : 0), 0)
          if (own < under.length) assert.equal(below, 0)
          else assert.equal(below, Math.min(wanted, forActive - own))
          if (own + below + ended < under.length + wanted + endedCount) assert.equal(lines.length, height)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('shows the layers at work one by one and counts the others', () => {
    const layer = (state: (typeof layerStates)[number], digest: string) => ({
      digest: `sha256:${digest}`,
      state,
      totalBytes: 50 * mib,
      downloadedBytes: 12 * mib,
      totalKnown: true,
      restarts: 1,
    })
    const layers = [
      layer('downloading', '0123456789abcdef'),
      layer('waiting', 'b'),
      layer('done', 'c'),
      layer('done', 'd'),
    ]
    const lines = renderWatch(viewOf([{ layers }]), frame({ layers: true, width: 100 }))
    assert.equal(lines[2], '  0123456789ab █████▊░░░░░░░░░░░░░░░░░░ 12.0/50.0 MiB downloading, began again once')
    assert.equal(lines[3], '  others: 1 waiting, 2 done')
  })

  it('aligns its columns', () => {
    const lines = renderWatch(
      viewOf([
        { imageRef: 'a:1' },
        { imageRef: 'registry.example.com/much/longer:2', bytesPerSec: 1, etaSeconds: 9999 },
      ]),
      frame(),
    )
    assert.equal(new Set(lines.slice(1).map(line => line.indexOf('node-a'))).size, 1)
  })

  it('leaves colour out when told to and changes no text by it', () => {
    const view = viewOf([{}, { phase: 'failed' }, { phase: 'completed' }])
    const plain = renderWatch(view, frame())
    const colored = renderWatch(view, frame({ color: true }))
    assert.ok(!plain.join('\n').includes('\u001B'))
    assert.ok(colored.join('\n').includes('\u001B[31m'))
    assert.deepEqual(
      colored.map(stripVTControlCharacters).map(line => line.trimEnd()),
      plain.map(line => line.trimEnd()),
    )
  })

  it('never writes a line wider than the terminal, nor more lines than it has, for any text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('拉取'.repeat(40), '👩‍👩‍👧‍👦'.repeat(20), 'é'.repeat(300)),
    )
    const layer = fc.record({
      digest: text,
      state: fc.constantFrom(...layerStates),
      totalBytes: fc.nat(),
      downloadedBytes: fc.nat(),
      totalKnown: fc.boolean(),
      restarts: fc.nat({ max: 5 }),
    })
    const pull = fc.record({
      imageRef: text,
      nodeName: text,
      error: fc.option(text, { nil: undefined }),
      phase: fc.constantFrom(...phases),
      totalBytes: fc.option(fc.nat({ max: Number.MAX_SAFE_INTEGER }), { nil: undefined }),
      percent: fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { nil: undefined }),
      etaSeconds: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
      stalledSince: fc.option(fc.constant('2026-11-21T09:00:00Z'), { nil: undefined }),
      stale: fc.boolean(),
      layers: fc.array(layer, { maxLength: 6 }),
    })
    const size = fc.record({ width: fc.integer({ min: 0, max: 220 }), height: fc.integer({ min: 0, max: 30 }) })
    fc.assert(
      fc.property(
        fc.array(pull, { maxLength: 12 }),
        size,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (pulls, { width, height }, layers, color, lost) => {
          const view = viewOf(pulls as Partial<Pull>[])
          if (lost) view.apply({ kind: 'lost', reason: 'x'.repeat(50), retryAtMs: nowMs + 5 }, nowMs)
          const lines = renderWatch(view, frame({ width, height, layers, color, keys: true }))
          assert.ok(lines.length <= height)
          for (const line of lines) assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}: ${line}`)
        },
      ),
      { numRuns: 300 },
    )
  })
})
