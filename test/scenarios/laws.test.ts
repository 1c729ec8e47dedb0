import assert from 'node:assert/strict'
import type { ReportedPull } from '../../core/contract/agent-report.ts'
import type { Layer, Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import type { BuiltImage } from '../rig/images.ts'
import type { SeenEvent } from './event-recorder.ts'
import { faultsOf } from './laws.ts'
import type { Call, Recording } from './recording.ts'

// A law that nothing can break proves nothing: each lie here must be found, and the truth must pass.
const startMs = Date.parse('2026-11-21T10:00:00.000Z')
const at = (ms: number) => new Date(startMs + ms).toISOString()
const image = {
  name: 'team/app',
  targetDigest: 'sha256:manifest',
  totalBytes: 300_000,
  layers: [
    { digest: 'sha256:one', size: 200_000 },
    { digest: 'sha256:two', size: 100_000 },
  ],
} as unknown as BuiltImage
const ref = '127.0.0.1:5000/team/app:v1'

const layersAt = (one: number, two: number, state: NonNullable<Layer['state']>): Layer[] => [
  { digest: 'sha256:one', totalBytes: 200_000, downloadedBytes: one, totalKnown: true, restarts: 0, state },
  { digest: 'sha256:two', totalBytes: 100_000, downloadedBytes: two, totalKnown: true, restarts: 0, state },
]

interface Draft {
  calls: Call[]
  reported: ReportedPull[]
  events: SeenEvent[]
  missed: Pull[]
  wire: { atMs: number; digest: string; bytes: number }[]
  withoutRecord: Set<string>
  history: Pull[]
  pulls: Pull[]
  records: Map<string, string>
}

const reportedPull = (over: Partial<ReportedPull>): ReportedPull => ({
  id: 'a',
  imageRef: ref,
  digest: 'sha256:manifest',
  phase: 'downloading',
  startedAt: at(10),
  totalKnown: true,
  layers: layersAt(150_000, 0, 'downloading'),
  ...over,
})

const pullAt = (phase: Pull['phase'], layers: Layer[], over: Partial<Pull> = {}): Pull => {
  const downloadedBytes = layers.reduce((sum, layer) => sum + layer.downloadedBytes, 0)
  return {
    id: 'a',
    nodeName: 'node',
    imageRef: ref,
    digest: 'sha256:manifest',
    phase,
    phaseStartedAt: {},
    totalKnown: true,
    totalBytes: 300_000,
    downloadedBytes,
    cachedBytes: 0,
    unpackedBytes: 0,
    percent: (100 * downloadedBytes) / 300_000,
    layerCount: 2,
    layersDone: 0,
    restarts: 0,
    startedAt: at(10),
    stale: false,
    source: 'agent',
    pods: [],
    layers,
    ...over,
  }
}

const seen = (seq: number, type: PullEvent['type'], pull: Pull): SeenEvent => ({
  atMs: startMs + 100 * seq,
  id: `epoch-${seq}`,
  name: undefined,
  event: { schemaVersion: 'v1', timestamp: at(100 * seq), type, nodeName: 'node', pull },
})

/** One pull, told truly from its first bytes to its end. */
function truth(): Draft {
  const whole = layersAt(200_000, 100_000, 'done')
  const last = pullAt('completed', whole, { completedAt: at(900) })
  return {
    calls: [
      {
        image,
        ref,
        ctr: undefined,
        mayBeUnseen: false,
        mayFailUntold: false,
        removed: false,
        ends: undefined,
        startMs,
        endMs: startMs + 950,
      },
    ],
    reported: [reportedPull({}), reportedPull({ phase: 'completed', completedAt: at(900), layers: whole })],
    events: [
      seen(1, 'pull.started', pullAt('downloading', layersAt(150_000, 0, 'downloading'))),
      seen(2, 'pull.progress', pullAt('unpacking', layersAt(200_000, 100_000, 'downloaded'))),
      seen(3, 'pull.completed', last),
    ],
    missed: [],
    wire: [
      { atMs: startMs + 20, digest: 'sha256:one', bytes: 200_000 },
      { atMs: startMs + 20, digest: 'sha256:two', bytes: 100_000 },
    ],
    withoutRecord: new Set(),
    history: [last],
    pulls: [last],
    records: new Map([[ref, 'sha256:manifest']]),
  }
}

function recordingOf(draft: Draft): Recording {
  const { calls, events, missed, wire, withoutRecord, history, pulls, records, reported } = draft
  const reports = reported.map((pull, i) => ({
    atMs: startMs + 100 * (i + 1),
    report: {
      nodeName: 'node',
      timestamp: at(0),
      agent: { version: '', epoch: 'epoch-of-agent', seq: i },
      pulls: [pull],
    },
    status: 200,
    answer: undefined,
    answered: true,
  }))
  const images = new Map([['k8s.io', records]])
  return {
    nodeName: 'node',
    host: '127.0.0.1:5000',
    calls,
    reports,
    events,
    missed,
    wire,
    withoutRecord,
    history,
    pulls,
    images,
  }
}

/** Replaces fields of the pull in one event. */
const retell = (draft: Draft, index: number, over: Partial<Pull>) => {
  const { id, event } = draft.events[index]!
  draft.events[index] = { ...draft.events[index]!, id, event: { ...event!, pull: { ...event!.pull, ...over } } }
}

const lies: [title: string, lie: (draft: Draft) => void, fault: RegExp][] = [
  [
    'a failed pull that is told as completed',
    d => Object.assign(d.calls[0]!, { error: new Error('EOF') }),
    /told as completed/,
  ],
  ['completed without an image record', d => d.withoutRecord.add('a'), /no image record points to it/],
  ['completed, and ctr does not show it', d => d.records.clear(), /ctr shows/],
  [
    'a pull of an image that nobody pulled',
    d => Object.assign(d.reported[0]!, { digest: 'sha256:x' }),
    /nobody pulled/,
  ],
  ["another image's layer", d => Object.assign(d.reported[0]!.layers[0]!, { digest: 'sha256:x' }), /was made of/],
  ['a layer with a wrong size', d => Object.assign(d.reported[0]!.layers[0]!, { totalBytes: 9 }), /was made of/],
  [
    'more bytes than were sent',
    d => Object.assign(d.wire[0]!, { atMs: startMs + 150, bytes: 200_000 }),
    /has 150000 bytes, 0 were sent/,
  ],
  [
    'bytes that fall without a restart',
    d => Object.assign(d.reported[1]!.layers[0]!, { downloadedBytes: 1 }),
    /had 150000 bytes before/,
  ],
  ['a report after the end', d => d.reported.push(reportedPull({})), /was completed before/],
  ['a total that moves', d => retell(d, 1, { totalBytes: 299_999 }), /total 299999/],
  ['a percent that falls', d => retell(d, 1, { percent: 1 }), /percent was/],
  ['a phase that goes back', d => retell(d, 2, { phase: 'resolving' }), /phase was unpacking, now resolving/],
  ['two starts', d => d.events.splice(1, 0, { ...d.events[0]!, id: 'epoch-1.5' }), /after 2 starts/],
  ['no start', d => d.events.shift(), /after 0 starts/],
  ['two ends', d => d.events.push({ ...d.events[2]!, id: 'epoch-4' }), /ended 2 times/],
  ['no end', d => d.events.pop(), /never ended/],
  ['an id twice', d => d.events.splice(1, 1, { ...d.events[1]!, id: 'epoch-1' }), /epoch-1 comes after/],
  ['a start that was never told', d => d.reported.push(reportedPull({ id: 'b' })), /b was reported and never told/],
  [
    'a pull that was made and never told',
    d => d.calls.push({ ...d.calls[0]!, ref: 'other:v1' }),
    /other:v1 .* never told/,
  ],
  [
    'a pull too many',
    d => d.events.push(seen(4, 'pull.started', pullAt('failed', [], { id: 'b' }))),
    /no pull that was made/,
  ],
  ['an end that is not in the history', d => d.history.pop(), /0 times in the history/],
  ['an end that is twice in the history', d => d.history.push(d.history[0]!), /2 times in the history/],
  [
    'history that says something else',
    d => d.history.splice(0, 1, { ...d.history[0]!, phase: 'failed' }),
    /failed in the history/,
  ],
  ['a list that says something else', d => d.pulls.pop(), /is listed as/],
  ['a layer that was never sent', d => d.wire.pop(), /the proxy sent 0/],
  [
    'a cached layer that was sent',
    d => Object.assign(d.events[2]!.event!.pull.layers![0]!, { state: 'cached' }),
    /cached layer/,
  ],
  ['a report of another node', d => retell(d, 1, { nodeName: 'other' }), /is of node other/],
  ['the name of another image', d => retell(d, 2, { imageRef: '127.0.0.1:5000/team/other:v1' }), /is named/],
]

describe('faultsOf', () => {
  it('finds nothing in the truth', () => {
    assert.deepEqual(faultsOf(recordingOf(truth()), { fetchedAgain: false }), [])
  })

  it('takes an end that went by while the server was away from its list', () => {
    const draft = truth()
    draft.events = [draft.events[0]!, { atMs: startMs + 500, id: 'new-1', name: 'reset', event: undefined }]
    assert.match(faultsOf(recordingOf(draft), { fetchedAgain: false }).join('\n'), /never ended/)
    draft.missed = [...draft.pulls]
    assert.deepEqual(faultsOf(recordingOf(draft), { fetchedAgain: false }), [])
  })

  const withoutEvidence = (epochs: readonly string[]) => {
    const draft = truth()
    const { digest: _, ...unresolved } = reportedPull({ phase: 'resolving', totalKnown: false, layers: [] })
    const end: ReportedPull = { ...unresolved, phase: 'unknown', completedAt: at(900) }
    draft.reported = [unresolved, end]
    const { digest: __, ...last } = pullAt('unknown', [], { completedAt: at(900), totalKnown: false, totalBytes: 0 })
    draft.events = [seen(1, 'pull.started', { ...last, phase: 'resolving' }), seen(2, 'pull.failed', last)]
    draft.history = [last]
    draft.pulls = [last]
    const recording = recordingOf(draft)
    const reports = recording.reports.map((one, i) => {
      const { report } = one
      return { ...one, report: { ...report, agent: { ...report.agent, epoch: epochs[i]! } } }
    })
    return faultsOf({ ...recording, reports }, { fetchedAgain: false })
  }
  it('allows a new agent a layer that began anew because another pull of it failed, and no other', () => {
    const draft = truth()
    draft.reported.splice(1, 0, reportedPull({ layers: layersAt(0, 0, 'waiting') }))
    const recording = recordingOf(draft)
    const reports = recording.reports.map((one, i) => {
      const { report } = one
      return { ...one, report: { ...report, agent: { ...report.agent, epoch: i === 0 ? 'a' : 'b' } } }
    })
    const faults = () => faultsOf({ ...recording, reports }, { fetchedAgain: false }).join('\n')
    assert.match(faults(), /had 150000 bytes before, now 0/)
    draft.calls.push({ ...draft.calls[0]!, ref: 'other:v1', error: new Error('cancelled'), mayBeUnseen: true })
    assert.equal(faults(), '')
  })

  it('asks no agent how a pull ended that only an earlier one saw, without its digest', () => {
    assert.deepEqual(withoutEvidence(['a', 'b']), [])
  })
  it('asks the agent that saw it', () => {
    assert.match(withoutEvidence(['a', 'a']).join('\n'), /is told as unknown/)
  })

  for (const [title, lie, fault] of lies) {
    it(`finds ${title}`, () => {
      const draft = structuredClone(truth())
      lie(draft)
      assert.match(faultsOf(recordingOf(draft), { fetchedAgain: false }).join('\n'), fault)
    })
  }
})
