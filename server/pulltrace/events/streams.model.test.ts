import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isTerminal, type Phase } from '../../../core/contract/words.ts'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import { type PullState, pullOf } from '../../../core/pulls/pull.ts'
import type { Emission } from './emission.ts'
import { type PullFilter, parsePullFilter } from './filter.ts'
import { EventHub } from './hub.ts'
import { podRef, pullState } from './pull-state.fake.ts'
import { FakeSink } from './stream-sink.fake.ts'
import { StreamView } from './stream-view.fake.ts'
import { Streams } from './streams.ts'

const filters: readonly PullFilter[] = [
  '',
  'phase=resolving',
  'phase=queued',
  'phase=downloading,failed',
  'phase=unpacking,completed',
  'phase=unknown',
  'namespace=shop',
  'node=node-b&phase=downloading',
].map(query => parsePullFilter(new URLSearchParams(query)))

const livePhases: readonly Phase[] = ['queued', 'resolving', 'downloading', 'unpacking']
const podChoices = [[], [podRef('shop', 'web')], [podRef('ops', 'cron')]]

type Step =
  | {
      readonly do: 'change'
      readonly slot: number
      readonly change: number
      readonly phase: number
      readonly pods: number
    }
  | { readonly do: 'flush' | 'sweep' }
  | { readonly do: 'drop'; readonly slot: number }
  | { readonly do: 'connect' | 'cut'; readonly client: number }
  | { readonly do: 'read'; readonly client: number; readonly bytes: number }

const client = fc.nat({ max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      slot: fc.nat({ max: 3 }),
      change: fc.nat({ max: 9 }),
      phase: fc.nat({ max: 3 }),
      pods: fc.nat({ max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'sweep' as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), slot: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('connect' as const, 'cut' as const), client }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('read' as const), client, bytes: fc.integer({ min: 1, max: 6000 }) }),
  },
)

/** What a node's merge would publish: only changes that can follow one another. */
class Pulls {
  readonly #slots: { state: PullState; status: 'live' | 'ended' | 'unknown'; reopened?: boolean }[] = []
  readonly dropped = new Set<string>()
  #made = 0

  get live(): string[] {
    return this.#slots.flatMap(slot => (slot?.status === 'live' ? slot.state.id : [])).sort()
  }

  next(slot: number, change: number, phase: Phase, pods: PullState['pods']) {
    const known = this.#slots[slot]
    if (known === undefined || (known.status === 'ended' && change < 6)) {
      const nodeName = slot % 2 ? 'node-b' : 'node-a'
      const replaces = change % 3 === 0 ? this.#replaced(slot) : undefined
      const state = pullState(`pull-${slot}-${this.#made++}`, { nodeName, phase, pods, replaces })
      this.#slots[slot] = { state, status: 'live' }
      return { type: 'pull.started', pull: state } as const
    }
    const downloadedBytes = known.state.downloadedBytes + 1
    if (known.status === 'ended') {
      // A reason that comes after the end.
      known.state = { ...known.state, downloadedBytes, pods, error: 'no space left on device' }
      return { type: 'pull.progress', pull: known.state } as const
    }
    if (change < 7) {
      known.reopened ||= known.status === 'unknown'
      known.status = 'live'
      const replaces = change === 6 ? (this.#replaced(slot) ?? known.state.replaces) : known.state.replaces
      known.state = { ...known.state, downloadedBytes, phase, pods, replaces }
      return { type: 'pull.progress', pull: known.state } as const
    }
    const end = (['completed', 'failed', 'unknown'] as const)[change - 7]!
    known.status = end === 'unknown' ? 'unknown' : 'ended'
    known.state = { ...known.state, downloadedBytes, phase: end }
    return { type: end === 'completed' ? 'pull.completed' : 'pull.failed', pull: known.state } as const
  }

  /** A rule keeps out what runs in this slot, shown or not; anything else is none of its business. */
  drop(slot: number): PullChange[] {
    const known = this.#slots[slot]
    if (known?.status !== 'live') return []
    delete this.#slots[slot]
    this.dropped.add(known.state.id)
    return [{ type: 'pull.progress', pull: known.state, dropped: true }]
  }

  /** Gives the place of the live pull of another slot to this one. What is queued has never ended. */
  #replaced(slot: number): string[] | undefined {
    const other = (slot + 1) % 4
    const known = this.#slots[other]
    if (known?.status !== 'live' || known.reopened) return undefined
    delete this.#slots[other]
    return [known.state.id]
  }
}

class Client {
  readonly view = new StreamView()
  readonly filter: PullFilter
  readonly layers: boolean
  readonly #fullBytes: number
  #sink: FakeSink | undefined
  #fed = 0

  constructor(filter: PullFilter, layers: boolean, fullBytes: number) {
    this.filter = filter
    this.layers = layers
    this.#fullBytes = fullBytes
  }

  get connected(): boolean {
    return this.#sink !== undefined && !this.#sink.closed
  }

  connect(streams: Streams): void {
    if (this.connected) return
    const sink = new FakeSink(this.#fullBytes)
    this.#sink = sink
    this.#fed = 0
    this.view.connect()
    sink.listener = streams.open(sink, { filter: this.filter, layers: this.layers, lastEventId: this.view.lastEventId })
  }

  cut(): void {
    this.#sink?.destroy()
  }

  read(bytes?: number): number {
    const taken = this.#sink?.take(bytes) ?? 0
    for (const bytes of this.#sink?.read.slice(this.#fed) ?? []) this.view.feed(bytes)
    this.#fed = this.#sink?.read.length ?? 0
    return taken
  }
}

describe('streams, whatever clients do', () => {
  it('leaves every client with the state of the server, every start and end, and rising ids', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 150, size: 'max' }),
        fc.array(fc.tuple(fc.constantFrom(...filters), fc.boolean(), fc.constantFrom(1, 900, 4000, 64_000)), {
          minLength: 4,
          maxLength: 4,
        }),
        fc.record({ maxEntries: fc.constantFrom(3, 1000), maxDebtBytes: fc.constantFrom(1500, 1_000_000) }),
        check,
      ),
      { numRuns: process.env['SOAK'] ? 5000 : 600 },
    )
  }).timeout(300_000)
})

type Limits = { readonly maxEntries: number; readonly maxDebtBytes: number }

function check(steps: readonly Step[], kinds: readonly [PullFilter, boolean, number][], limits: Limits): void {
  const clock = new FakeClock()
  const hub = new EventHub({ clock, maxEntries: limits.maxEntries, maxBytes: 1e9 })
  const streams = new Streams(hub, { clock, maxDebtBytes: limits.maxDebtBytes, pieceBytes: 1, maxStallMs: 3000 })
  const emitted: Emission[] = []
  hub.listen(batch => emitted.push(...batch))
  const pulls = new Pulls()
  const clients = kinds.map(kind => new Client(...kind))

  for (const step of steps) {
    if (step.do === 'change') {
      hub.publish([pulls.next(step.slot, step.change, livePhases[step.phase]!, podChoices[step.pods]!)])
    } else if (step.do === 'drop') hub.publish(pulls.drop(step.slot))
    else if (step.do === 'flush') hub.flush()
    else if (step.do === 'sweep') {
      clock.advance(1000)
      streams.sweep()
    } else if (step.do === 'connect') clients[step.client]!.connect(streams)
    else if (step.do === 'cut') clients[step.client]!.cut()
    else if (step.do === 'read') clients[step.client]!.read(step.bytes)
  }

  hub.flush()
  const live = hub.snapshot().pulls.map(pull => pull.id)
  assert.deepEqual(live.sort(), pulls.live)
  for (const client of clients) {
    let rounds = 0
    do {
      client.connect(streams)
      assert.ok(rounds++ < 100, 'a client that reads comes to rest')
    } while (client.read() > 0 || !client.connected)
    checkView(client, hub, emitted, pulls.dropped)
  }
  assert.equal(streams.active, clients.length)
}

function checkView(
  { view, filter, layers }: Client,
  hub: EventHub,
  emitted: readonly Emission[],
  dropped: ReadonlySet<string>,
): void {
  const { pulls } = hub.snapshot(filter)
  const expected = pulls.filter(pull => !isTerminal(pull.phase)).map(pull => pullOf(pull, { layers }))
  const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
  assert.deepEqual([...view.pulls.values()].sort(byId), JSON.parse(JSON.stringify(expected.sort(byId))))
  assert.ok(view.syncedSeq !== undefined, 'the first state is complete')
  for (const emission of emitted) {
    const { seq, kept, pull } = emission
    if (dropped.has(pull.id)) continue
    if (kept && seq > view.syncedSeq && emission.matches(filter)) assert.ok(view.seen.has(seq), `event ${seq} was seen`)
  }
}
