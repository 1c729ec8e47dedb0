import type { PullEventType } from '../../../core/contract/pull-event.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { AttributeHistory } from './attribute-history.ts'
import { Emission } from './emission.ts'
import { formatEventId, parseEventId, randomEpoch } from './event-id.ts'
import { everyPull, type PullFilter } from './filter.ts'
import { type Delivery, missedOf } from './replay.ts'
import { Ring, type RingLimits } from './ring.ts'

export interface HubOptions extends RingLimits {
  readonly clock: Pick<Clock, 'now'>
  /** Random unless a test fixes it. */
  readonly epoch?: string
}

export const ringDefaults: RingLimits = { maxEntries: 20_000, maxBytes: 32 * 1024 * 1024 }

/** Above it the oldest are forgotten: one of these that goes on after all would start twice. */
const maxUnknownEnds = 50_000

const endTypes: ReadonlySet<PullEventType> = new Set(['pull.completed', 'pull.failed'])

export interface Snapshot {
  /** Streaming after this id misses nothing that is not in `pulls`. Equal ids mean equal snapshots. */
  readonly lastEventId: string
  readonly pulls: readonly PullState[]
}

/**
 * Numbers every event of this server. Starts, ends and corrections of ends are
 * emitted at once and kept in a ring; progress is conflated for each pull until
 * `flush`, and only the newest is kept. What readers see is what has been emitted.
 */
export class EventHub {
  readonly epoch: string
  readonly #clock: Pick<Clock, 'now'>
  readonly #ring: Ring
  /** The newest event of each pull that has not ended. */
  readonly #live = new Map<string, Emission>()
  /** Progress that waits for the next flush. */
  readonly #pending = new Map<string, PullState>()
  /** Pulls whose end nobody knew: they may go on, long after the ring has forgotten that they began here. Oldest first. */
  readonly #unknownEnds = new Set<string>()
  readonly #listeners: ((batch: readonly Emission[]) => void)[] = []
  #seq = 0

  constructor(options: HubOptions) {
    this.epoch = options.epoch ?? randomEpoch()
    this.#clock = options.clock
    this.#ring = new Ring(options)
  }

  /** The number of the newest event. */
  get seq(): number {
    return this.#seq
  }

  get lastEventId(): string {
    return formatEventId(this.epoch, this.#seq)
  }

  get ringSize(): { readonly entries: number; readonly bytes: number } {
    return this.#ring.size
  }

  /** Called with the events of one publish or flush, which must go out together; their numbers rise by exactly 1. */
  listen(listener: (batch: readonly Emission[]) => void): void {
    this.#listeners.push(listener)
  }

  publish(changes: readonly PullChange[]): void {
    const batch: Emission[] = []
    for (const change of changes) {
      if (change.dropped) {
        batch.push(...this.#drop(change.pull))
        continue
      }
      // Its start was told by the server before this one, if at all: an end alone would be of nothing.
      if (endTypes.has(change.type) && !this.#known(change.pull.id)) {
        batch.push(this.#emit('pull.started', change.pull, true))
      }
      const emission = this.#publishOne(change)
      if (emission === undefined) continue
      batch.push(emission)
      for (const id of change.pull.replaces ?? []) {
        this.#pending.delete(id)
        const replaced = this.#live.get(id)
        // No end: the event that replaces it tells it. Only clients whose filter hides that one hear that this one has left.
        if (replaced !== undefined) batch.push(this.#takeAway(replaced, { replacedBy: emission }))
      }
    }
    this.#tell(batch)
  }

  /** Emits the newest progress of each pull that has some. */
  flush(): void {
    if (this.#pending.size === 0) return
    const batch: Emission[] = []
    for (const pull of this.#pending.values()) batch.push(this.#emit('pull.progress', pull, false))
    this.#pending.clear()
    this.#tell(batch)
  }

  /** Lives until aborted, then flushes once more. */
  async run(clock: Clock, flushMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await clock.sleep(flushMs, signal).catch(() => {})
      this.flush()
    }
  }

  /** Pulls that have not ended, as emitted: behind the newest report by at most one flush. */
  snapshot(filter: PullFilter = everyPull): Snapshot {
    const pulls: PullState[] = []
    for (const emission of this.#live.values()) if (emission.matches(filter)) pulls.push(emission.pull)
    return { lastEventId: this.lastEventId, pulls }
  }

  /** The newest that is known of a pull that has not ended, emitted or not. */
  get(id: string): PullState | undefined {
    return this.#pending.get(id) ?? this.#live.get(id)?.pull
  }

  /** The number a client may go on from; undefined when it needs a reset. */
  resumable(lastEventId: string): number | undefined {
    const id = parseEventId(lastEventId)
    if (id === undefined || id.epoch !== this.epoch) return undefined
    return id.seq <= this.#seq && id.seq >= this.#ring.floor ? id.seq : undefined
  }

  /**
   * The pulls that matched at `seq` and match still, one at a time; may be read slowly, while events go on.
   * What has changed since `seq` is in `replay(seq)`, so that both together are the state.
   */
  *statesAt(seq: number, filter: PullFilter): Generator<Emission, undefined> {
    for (const emission of this.#live.values()) {
      if (emission.matches(filter) && emission.history.matchedAt(seq, filter)) yield emission
    }
  }

  /** What a client that stopped at `since` has missed, numbers rising; undefined when that is no longer known. */
  replay(since: number, filter: PullFilter): Delivery[] | undefined {
    if (since > this.#seq || since < this.#ring.floor) return undefined
    if (since === this.#seq) return []
    const eventsOf = new Map<string, Emission[]>()
    const add = (emission: Emission) => {
      const events = eventsOf.get(emission.pull.id)
      if (events === undefined) eventsOf.set(emission.pull.id, [emission])
      else events.push(emission)
    }
    for (const emission of this.#ring.after(since)) add(emission)
    for (const emission of this.#live.values()) if (!emission.kept && emission.seq > since) add(emission)
    const missed: Delivery[] = []
    for (const events of eventsOf.values())
      for (const delivery of missedOf(events, since, filter)) missed.push(delivery)
    return missed.sort((a, b) => a.seq - b.seq)
  }

  /** The event that the change is; undefined when it waits for the next flush. */
  #publishOne({ type, pull }: PullChange): Emission | undefined {
    if (type === 'pull.started' && !this.#known(pull.id)) return this.#emit(type, pull, true)
    if (type === 'pull.completed' || type === 'pull.failed') return this.#emitEnd(type, pull)
    // A reason that came after the end: the pull stays ended.
    if (isTerminal(pull.phase) && !this.#live.has(pull.id)) return this.#emitEnd('pull.progress', pull)
    // Readers drop what is replaced when they hear it, so all of them must.
    if (pull.replaces?.some(id => this.#live.has(id))) {
      this.#pending.delete(pull.id)
      return this.#emit('pull.progress', pull, true)
    }
    // It had ended here, and goes on after all; or under the server before, and for this one it starts.
    if (!this.#known(pull.id)) return this.#emit('pull.started', pull, true)
    if (!this.#live.has(pull.id)) return this.#emit('pull.progress', pull, false)
    this.#pending.set(pull.id, pull)
    return undefined
  }

  #emitEnd(type: PullEventType, pull: PullState): Emission {
    this.#pending.delete(pull.id)
    const emission = this.#emit(type, pull, true)
    this.#live.delete(pull.id)
    this.#unknownEnds.delete(pull.id)
    if (pull.phase === 'unknown') this.#unknownEnds.add(pull.id)
    if (this.#unknownEnds.size > maxUnknownEnds) this.#unknownEnds.delete(this.#unknownEnds.values().next().value!)
    return emission
  }

  /** Also what it replaces, as nothing will tell of that. None of them may have been shown. */
  #drop({ id, replaces = [] }: PullState): Emission[] {
    return [id, ...replaces].flatMap(each => {
      this.#pending.delete(each)
      const live = this.#live.get(each)
      return live === undefined ? [] : [this.#takeAway(live, { dropped: true })]
    })
  }

  /** Out of the live view, as it was last shown. */
  #takeAway(
    { pull, history }: Emission,
    why: { readonly replacedBy: Emission } | { readonly dropped: true },
  ): Emission {
    this.#live.delete(pull.id)
    const before = history.newest
    const seq = ++this.#seq
    history.gone(seq, 'dropped' in why)
    const atMs = this.#clock.now()
    const type = 'pull.progress'
    const parts = { epoch: this.epoch, seq, type, pull, atMs, history, before, kept: true, ...why } as const
    const emission = new Emission(parts)
    this.#ring.push(emission)
    return emission
  }

  /** Whether the pull has started here, ended or not: a second start would be a lie. */
  #known(id: string): boolean {
    return this.#live.has(id) || this.#unknownEnds.has(id) || this.#ring.newestOf(id) !== undefined
  }

  #emit(type: PullEventType, pull: PullState, kept: boolean): Emission {
    const earlier = this.#live.get(pull.id) ?? this.#ring.newestOf(pull.id)
    const history = earlier?.history ?? new AttributeHistory()
    const before = history.newest
    const seq = ++this.#seq
    history.record(seq, pull)
    const atMs = this.#clock.now()
    const emission = new Emission({ epoch: this.epoch, seq, type, pull, atMs, history, before, kept })
    this.#live.set(pull.id, emission)
    if (kept) this.#ring.push(emission)
    return emission
  }

  #tell(batch: readonly Emission[]): void {
    if (batch.length === 0) return
    for (const listener of this.#listeners) listener(batch)
  }
}
