import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type {
  Appended,
  EventBatch,
  EventFilter,
  EventsSize,
  EventsStore,
  FoundEvent,
  Retention,
  RetentionRun,
} from '../events-store.ts'
import type { Actor } from '../rules-store.ts'
import type { Page } from '../store.ts'
import { appendedWords } from './event-codes.ts'
import { countStart } from './event-counts.ts'
import { packBatch } from './event-packing.ts'
import { foundEvent } from './event-rows.ts'
import { type EventPlace, searchStart } from './event-search.ts'
import { errorOf, type Failure } from './failure.ts'
import { giveBack } from './give-back.ts'
import { GroupCommit } from './group-commit.ts'
import { makeRoom } from './make-room.ts'
import { tkWords } from './store-words.ts'
import type { TkCalls } from './tk-calls.ts'
import { closed } from './worker-supervisor.ts'

export interface EventsOptions {
  /** After which a search ends without an answer. */
  readonly searchTimeoutMs?: number
  /** After which no further events are looked for to be deleted. */
  readonly deletionTimeMs?: number
}

/** Events deleted in one transaction: short enough that an append behind it does not wait long. */
const eventsAtOnce = 5000

/** Events that are looked for, and deleted in one transaction, when somebody deletes what a search finds. */
const deletedAtOnce = 1000

/** One part of a search: others are answered between two parts. */
const searchPartMs = 100

/** Events, through the workers. */
export class SqliteEvents implements EventsStore {
  readonly #calls: TkCalls
  readonly #now: () => number
  readonly #searchTimeoutMs: number
  readonly #deletionTimeMs: number
  readonly #commits = new GroupCommit<ArrayBuffer, Uint8Array | Failure | PulltraceError>(
    batches => this.#write(batches),
    batch => batch.byteLength,
  )
  readonly #file = {
    releaseReserve: () => this.#calls.write('file.releaseReserve'),
    checkpoint: () => this.#calls.write('file.checkpoint'),
    returnPages: (pages: number) => this.#calls.write('file.returnPages', pages),
  }
  #closed = false

  constructor(
    calls: TkCalls,
    now: () => number,
    { searchTimeoutMs = 10_000, deletionTimeMs = 20_000 }: EventsOptions = {},
  ) {
    this.#calls = calls
    this.#now = now
    this.#searchTimeoutMs = searchTimeoutMs
    this.#deletionTimeMs = deletionTimeMs
  }

  async append(batch: EventBatch): Promise<readonly Appended[]> {
    if (this.#closed) throw errorOf(closed, tkWords)
    if (batch.events.length === 0) return []
    const answer = await this.#commits.append(packBatch(batch))
    if (answer instanceof PulltraceError) throw answer
    if (!(answer instanceof Uint8Array)) throw errorOf(answer, tkWords)
    return Array.from(answer, code => appendedWords[code]!)
  }

  async search(filter: EventFilter, limit: number, cursor?: string): Promise<Page<FoundEvent>> {
    const after = cursor === undefined ? undefined : decodeCursor('events', ['number', 'number'], cursor)
    const { rows, last } = await this.#whole(searchStart(after as unknown as EventPlace | undefined), state =>
      this.#calls.search('events.search', filter, limit, state, searchPartMs),
    )
    return { items: rows.map(foundEvent), nextCursor: last && encodeCursor('events', last) }
  }

  async countByRule(sinceMs: number): Promise<ReadonlyMap<string, number>> {
    const { counts } = await this.#whole(countStart, state =>
      this.#calls.search('events.countByRule', sinceMs, state, searchPartMs),
    )
    return counts
  }

  /** Asks for part after part until one has the answer. */
  async #whole<State, Whole extends object>(
    start: State,
    ask: (state: State) => Promise<Whole | { readonly state: State }>,
  ): Promise<Whole> {
    const startMs = performance.now()
    for (let state = start; ; ) {
      const answer = await ask(state)
      if (!('state' in answer)) return answer
      if (performance.now() - startMs > this.#searchTimeoutMs) throw tookTooLong(this.#searchTimeoutMs)
      state = answer.state
    }
  }

  async get(eventId: string): Promise<FoundEvent | undefined> {
    const digits = eventId.replaceAll('-', '')
    if (!/^[0-9a-f]{32}$/i.test(digits)) return undefined
    const row = await this.#calls.read('events.get', Buffer.from(digits, 'hex'))
    return row && foundEvent(row)
  }

  async prune(
    olderThanMs: number,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<{ readonly byAge: number; readonly bySize: number }> {
    const sum = { byAge: 0, bySize: 0 }
    const pruneSome = async (most: number) => {
      const { byAge, bySize } = await this.#calls.write('events.pruneSome', olderThanMs, maxBytes, most)
      sum.byAge += byAge
      sum.bySize += bySize
      return byAge + bySize
    }
    const pruneFull = async () => {
      await makeRoom({ pruneSome, ...this.#file }, signal)
      while (!signal?.aborted && (await pruneSome(eventsAtOnce)) > 0) await this.#file.checkpoint()
      // Free pages wait in the file for the next events, but on a volume that was full others need them too.
      await giveBack(this.#file, signal)
      if (!signal?.aborted) await this.#file.checkpoint()
    }
    if (this.#calls.writeFailure?.kind === 'disk_full') await pruneFull()
    else {
      try {
        while (!signal?.aborted && (await pruneSome(eventsAtOnce)) > 0);
      } catch (reason) {
        // Room for what is small looks healthy, and removing may be more than that.
        if (PulltraceError.from(reason).code !== Code.Exhausted) throw reason
        await pruneFull()
      }
    }
    if (sum.byAge + sum.bySize > 0) {
      const run = { by: { name: 'system' }, action: 'retention.run', target: '', after: sum }
      await this.#calls.write('audit.record', run, this.#now())
    }
    // A volume without room for it gets on without.
    if (!signal?.aborted) await this.#calls.write('file.keepReserve').catch(() => {})
    return sum
  }

  async deleteFound(
    filter: EventFilter,
    most: number,
    by: Actor,
    signal?: AbortSignal,
  ): Promise<{ deleted: number; more: boolean }> {
    const note = (after: object) => {
      const change = { by, action: 'events.delete', target: '', after: { filter, ...after } }
      return this.#calls.write('audit.record', change, this.#now())
    }
    await note({ begun: true })
    const endMs = performance.now() + this.#deletionTimeMs
    let deleted = 0
    let last: EventPlace | undefined
    try {
      do {
        const limit = Math.min(deletedAtOnce, most - deleted)
        const found = await this.#whole(searchStart(last), state =>
          this.#calls.search('events.searchIds', filter, limit, state, searchPartMs),
        )
        if (found.ids.length > 0) deleted += await this.#calls.write('events.deleteEvents', found.ids)
        last = found.last
      } while (last !== undefined && deleted < most && performance.now() < endMs && !signal?.aborted)
    } catch (reason) {
      // Who asked must hear of what is gone; asking again tells the rest.
      if (deleted === 0 || PulltraceError.from(reason).code !== Code.Timeout) throw reason
      return { deleted, more: true }
    } finally {
      await note({ deleted })
    }
    return { deleted, more: last !== undefined }
  }

  async noteRetention(run: RetentionRun): Promise<void> {
    await this.#calls.write('events.noteRetention', run, this.#now())
  }

  retention(): Promise<Retention | undefined> {
    return this.#calls.read('events.retention')
  }

  size(): Promise<EventsSize> {
    return this.#calls.read('events.size')
  }

  /** When all that was appended is answered. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#commits.drained()
  }

  async #write(batches: readonly ArrayBuffer[]): Promise<readonly (Uint8Array | Failure | PulltraceError)[]> {
    try {
      return await this.#calls.writeWith(batches, 'events.append', batches)
    } catch (error) {
      const failed = PulltraceError.from(error)
      return batches.map(() => failed)
    }
  }
}

function tookTooLong(timeoutMs: number): PulltraceError {
  const bound = `${timeoutMs / 1000} s`
  return new PulltraceError(Code.Timeout, `the search of events took longer than ${bound}`, {
    bound,
    fix: 'search a shorter time, or add a rule, a sensor or another exact condition',
  })
}
