import type { PullEventType } from '../../../core/contract/pull-event.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { AttributeHistory } from './attribute-history.ts'
import { Emission, type Gone, type Stamp } from './emission.ts'
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

/** A pull that has not ended. One entry for all of it: at each report of a busy cluster it is looked up once. */
interface LivePull {
  /** Its newest event. */
  shown: Emission
  /** Its newest state: that of the event, unless progress waits for the next flush. */
  newest: PullState
}

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
  readonly #live = new Map<string, LivePull>()
  /** Those with progress for the next flush, and some that have ended or were told since. */
  #waiting: LivePull[] = []
  /** Pulls whose end nobody knew: they may go on, long after the ring has forgotten that they began here. Oldest first. */
  readonly #unknownEnds = new Set<string>()
  readonly #listeners: ((batch: readonly Emission[]) => void)[] = []
  #seq = 0
  #stamp: Stamp

  constructor(options: HubOptions) {
    this.epoch = options.epoch ?? randomEpoch()
    this.#clock = options.clock
    this.#ring = new Ring(options)
    this.#stamp = { epoch: this.epoch, atMs: this.#clock.now() }
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
    this.#stampNow()
    for (const change of changes) {
      if (change.dropped) {
        batch.push(...this.#drop(change.pull))
        continue
      }
      // Its start was told by the server before this one, if at all: an end alone would be of nothing.
      if (endTypes.has(change.type) && !this.#known(change.pull.id)) {
        batch.push(this.#begin('pull.started', change.pull, true))
      }
      const emission = this.#publishOne(change)
      if (emission === undefined) continue
      batch.push(emission)
      for (const id of change.pull.replaces ?? []) {
        const replaced = this.#takeOut(id)
        // No end: the event that replaces it tells it. Only clients whose filter hides that one hear that this one has left.
        if (replaced !== undefined) batch.push(this.#leave(replaced, { replacedBy: emission }))
      }
    }
    this.#tell(batch)
  }

  /** Emits the newest progress of each pull that has some. */
  flush(): void {
    const batch: Emission[] = []
    this.#stampNow()
    for (const live of this.#waiting) {
      if (live.newest !== live.shown.pull) batch.push(this.#show(live, 'pull.progress', live.newest, false))
    }
    this.#waiting = []
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
    for (const { shown } of this.#live.values()) if (shown.matches(filter)) pulls.push(shown.pull)
    return { lastEventId: this.lastEventId, pulls }
  }

  /** The newest that is known of a pull that has not ended, emitted or not. */
  get(id: string): PullState | undefined {
    return this.#live.get(id)?.newest
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
    for (const { shown } of this.#live.values()) {
      if (shown.matches(filter) && shown.history.matchedAt(seq, filter)) yield shown
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
    for (const { shown } of this.#live.values()) if (!shown.kept && shown.seq > since) add(shown)
    const missed: Delivery[] = []
    for (const events of eventsOf.values())
      for (const delivery of missedOf(events, since, filter)) missed.push(delivery)
    return missed.sort((a, b) => a.seq - b.seq)
  }

  /** The event that the change is; undefined when it waits for the next flush. */
  #publishOne({ type, pull }: PullChange): Emission | undefined {
    if (endTypes.has(type)) return this.#end(type, pull)
    const live = this.#live.get(pull.id)
    // Readers drop what is replaced when they hear it, so all of them must.
    const replaces = pull.replaces?.some(id => this.#live.has(id)) === true
    if (live !== undefined) {
      if (replaces) return this.#show(live, 'pull.progress', pull, true)
      if (live.newest === live.shown.pull) this.#waiting.push(live)
      live.newest = pull
      return undefined
    }
    const known = this.#known(pull.id)
    if (type === 'pull.started' && !known) return this.#begin(type, pull, true)
    // A reason that came after the end: the pull stays ended.
    if (isTerminal(pull.phase)) return this.#end('pull.progress', pull)
    if (replaces) return this.#begin('pull.progress', pull, true)
    // It had ended here, and goes on after all; or under the server before, and for this one it starts.
    return known ? this.#begin('pull.progress', pull, false) : this.#begin('pull.started', pull, true)
  }

  #begin(type: PullEventType, pull: PullState, kept: boolean): Emission {
    const shown = this.#emit(type, pull, kept, this.#ring.newestOf(pull.id)?.history)
    this.#live.set(pull.id, { shown, newest: pull })
    return shown
  }

  #show(live: LivePull, type: PullEventType, pull: PullState, kept: boolean): Emission {
    live.shown = this.#emit(type, pull, kept, live.shown.history)
    live.newest = pull
    return live.shown
  }

  #end(type: PullEventType, pull: PullState): Emission {
    const earlier = this.#takeOut(pull.id) ?? this.#ring.newestOf(pull.id)
    this.#unknownEnds.delete(pull.id)
    if (pull.phase === 'unknown') this.#unknownEnds.add(pull.id)
    if (this.#unknownEnds.size > maxUnknownEnds) this.#unknownEnds.delete(this.#unknownEnds.values().next().value!)
    return this.#emit(type, pull, true, earlier?.history)
  }

  /** Also what it replaces, as nothing will tell of that. None of them may have been shown. */
  #drop({ id, replaces = [] }: PullState): Emission[] {
    return [id, ...replaces].flatMap(each => {
      const shown = this.#takeOut(each)
      return shown === undefined ? [] : [this.#leave(shown, { dropped: true })]
    })
  }

  /** Out of the live view, with what waited for the next flush. Its newest event, if it was there. */
  #takeOut(id: string): Emission | undefined {
    const live = this.#live.get(id)
    if (live === undefined) return undefined
    this.#live.delete(id)
    live.newest = live.shown.pull
    return live.shown
  }

  /** The event with which a pull is gone, as it was last shown. */
  #leave({ pull, history }: Emission, gone: Gone): Emission {
    const before = history.newest
    const seq = ++this.#seq
    history.gone(seq, 'dropped' in gone)
    const stamp = this.#stamp
    const type = 'pull.progress'
    const emission = new Emission({ stamp, seq, type, pull, history, before, kept: true, gone })
    this.#ring.push(emission)
    return emission
  }

  /** Whether the pull has started here, ended or not: a second start would be a lie. */
  #known(id: string): boolean {
    return this.#live.has(id) || this.#unknownEnds.has(id) || this.#ring.newestOf(id) !== undefined
  }

  /** `history`: of the pull so far. */
  #emit(type: PullEventType, pull: PullState, kept: boolean, history = new AttributeHistory()): Emission {
    const before = history.newest
    const seq = ++this.#seq
    history.record(seq, pull)
    const emission = new Emission({ stamp: this.#stamp, seq, type, pull, history, before, kept })
    if (kept) this.#ring.push(emission)
    return emission
  }

  /** What follows is told at this moment. */
  #stampNow(): void {
    this.#stamp = { epoch: this.epoch, atMs: this.#clock.now() }
  }

  #tell(batch: readonly Emission[]): void {
    if (batch.length === 0) return
    for (const listener of this.#listeners) listener(batch)
  }
}
