import path from 'node:path'
import type { HistoryGroup, HistorySummary } from '../../../core/contract/api.ts'
import type { TerminalPhase } from '../../../core/contract/pull.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { HistoryFilter, HistoryStore, Page, StoreHealth } from '../store.ts'
import { errorOf, type Failure } from './failure.ts'
import { GroupCommit } from './group-commit.ts'
import type { GroupPlace, HistoryDatabase, PullPlace } from './history-database.ts'
import { CallFailed, HistoryWorkerClient } from './history-worker-client.ts'
import type { Method } from './history-worker-protocol.ts'
import { pullOfBody, rowOf } from './rows.ts'

export interface SqliteHistoryOptions {
  /** Made if it is not there. The database in it is `pulls.db`. */
  readonly dataDir: string
  /** Must wait in real time, as disks do. */
  readonly clock: Clock
  readonly log: Logger
  /** Waits between two tries to open or to write again; doubles up to the maximum. Milliseconds. */
  readonly retryMs?: { readonly first: number; readonly max: number }
  /** Heap of the worker. */
  readonly memoryMiB?: number
  /** A disk that has not answered a call for this long is taken for lost: the call rejects, the file is opened anew. */
  readonly answerTimeoutMs?: number
}

/** Free pages that are given back between two appends. */
const pagesAtOnce = 2000

/**
 * Returns at once; the file is opened in the background, and again and again while
 * that fails: the server lives without history meanwhile. Calls wait for the first
 * try; after that they reject with Code.Unavailable while it is not open.
 */
export function openSqliteHistory(options: SqliteHistoryOptions): HistoryStore {
  return new SqliteHistory(options)
}

const opening: Failure = { kind: 'opening', message: 'it is being opened', fix: 'wait a moment' }
const closed: Failure = { kind: 'closed', message: 'the server is stopping', fix: 'send it again' }

/** After these the same connection can go on once the cause is gone; reads may still work. */
const staysOpen = (kind: Failure['kind']) => kind === 'disk_full'
/** These say nothing about the database. */
const isOfTheCall = (kind: Failure['kind']) => kind === 'internal' || kind === 'overloaded' || kind === 'closed'

class SqliteHistory implements HistoryStore {
  readonly #options: SqliteHistoryOptions
  readonly #file: string
  readonly #stop = new AbortController()
  readonly #firstTry = Promise.withResolvers<void>()
  readonly #supervision: Promise<void>
  readonly #commits = new GroupCommit(groups => this.#write(groups))
  #worker: HistoryWorkerClient | undefined
  #failure: Failure | undefined = opening
  /** Wakes the supervisor when a call has seen a failure. */
  #trouble = Promise.withResolvers<void>()

  constructor(options: SqliteHistoryOptions) {
    this.#options = options
    this.#file = path.join(path.resolve(options.dataDir), 'pulls.db')
    this.#supervision = this.#supervise()
  }

  async append(pulls: readonly PullState[]): Promise<void> {
    if (this.#stop.signal.aborted) throw errorOf(closed)
    if (pulls.length === 0) return
    const keptMs = this.#options.clock.now()
    const failure = await this.#commits.append(pulls.map(pull => rowOf(pull, keptMs)))
    if (failure) throw errorOf(failure)
  }

  async endsOf(ids: readonly string[]): Promise<ReadonlyMap<string, TerminalPhase>> {
    return new Map(ids.length === 0 ? [] : await this.#call('endsOf', ids))
  }

  async get(id: string): Promise<PullState | undefined> {
    const body = await this.#call('get', id)
    return body === undefined ? undefined : pullOfBody(body)
  }

  async search(filter: HistoryFilter, limit: number, cursor?: string): Promise<Page<PullState>> {
    const after = cursor === undefined ? undefined : decodeCursor('pulls', ['number', 'number'], cursor)
    const { items, last } = await this.#call('search', filter, limit, after as PullPlace | undefined)
    return { items: items.map(pullOfBody), nextCursor: last && encodeCursor('pulls', last) }
  }

  async summarize(
    group: HistoryGroup,
    filter: HistoryFilter,
    limit: number,
    cursor?: string,
  ): Promise<Page<HistorySummary>> {
    const kind = `by-${group}`
    const after = cursor === undefined ? undefined : decodeCursor(kind, ['number', 'string'], cursor)
    const { items, last } = await this.#call('summarize', group, filter, limit, after as GroupPlace | undefined)
    return { items, nextCursor: last && encodeCursor(kind, last) }
  }

  async prune(beforeMs: number, maxBytes: number): Promise<number> {
    let removed = 0
    for (;;) {
      const some = await this.#call('pruneSome', beforeMs, maxBytes)
      removed += some
      if (some === 0) break
      // In small steps: appends get their turn in between.
      while ((await this.#call('returnPages', pagesAtOnce)) > 0);
    }
    if (removed > 0) await this.#call('checkpoint')
    return removed
  }

  size(): Promise<{ readonly pulls: number; readonly bytes: number }> {
    return this.#call('size')
  }

  health(): StoreHealth {
    if (!this.#failure) return { healthy: true }
    const { kind, message, fix } = this.#failure
    return { healthy: false, kind, reason: message, fix }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#firstTry.promise
    await this.#commits.drained()
    this.#failure = closed
    await this.#supervision
  }

  async #write(groups: Parameters<HistoryDatabase['append']>[0]): Promise<readonly (Failure | undefined)[]> {
    try {
      const failures = await this.#ask('append', groups)
      const failure = failures.find(each => each !== undefined)
      if (failure) this.#note(failure)
      else if (this.#failure && staysOpen(this.#failure.kind)) this.#recovered()
      return failures
    } catch (error) {
      const failure = failureOfCall(error)
      return groups.map(() => failure)
    }
  }

  async #call<M extends Method>(
    method: M,
    ...args: Parameters<HistoryDatabase[M]>
  ): Promise<ReturnType<HistoryDatabase[M]>> {
    try {
      if (this.#stop.signal.aborted) throw new CallFailed(closed)
      return await this.#ask(method, ...args)
    } catch (error) {
      throw errorOf(failureOfCall(error))
    }
  }

  /** Rejects with CallFailed. */
  async #ask<M extends Method>(
    method: M,
    ...args: Parameters<HistoryDatabase[M]>
  ): Promise<ReturnType<HistoryDatabase[M]>> {
    await this.#firstTry.promise
    if (!this.#worker) throw new CallFailed(this.#failure ?? opening)
    try {
      return await this.#worker.call(method, ...args)
    } catch (error) {
      this.#note(failureOfCall(error))
      throw error
    }
  }

  #note(failure: Failure): void {
    if (isOfTheCall(failure.kind) || this.#stop.signal.aborted) return
    if (this.#failure?.kind !== failure.kind) {
      this.#options.log.error('history unavailable', { kind: failure.kind, error: errorOf(failure) })
    }
    this.#failure = failure
    this.#trouble.resolve()
  }

  #recovered(): void {
    if (this.#failure !== undefined) this.#options.log.info('history available', { file: this.#file })
    this.#failure = undefined
    this.#trouble = Promise.withResolvers()
  }

  /** Keeps a worker until the store is closed. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stop
    const stopped = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
    for (let tries = 0; !signal.aborted; tries++) {
      if (tries > 0) await this.#wait(tries)
      if (signal.aborted) break
      if (!(await this.#start())) continue
      tries = 0
      while (this.#worker && !signal.aborted) {
        await Promise.race([this.#trouble.promise, stopped])
        if (!signal.aborted) await this.#mend(this.#worker)
      }
    }
    await this.#firstTry.promise
    await this.#commits.drained()
    await this.#worker?.close()
    this.#worker = undefined
  }

  /** Whether a worker serves now. */
  async #start(): Promise<boolean> {
    const { clock, memoryMiB = 256, answerTimeoutMs = 60_000 } = this.#options
    try {
      const check = this.#failure?.kind === 'corrupt'
      const start = { file: this.#file, nowMs: clock.now(), check }
      const worker = await HistoryWorkerClient.start(start, { clock, memoryMiB, answerTimeoutMs })
      this.#worker = worker
      this.#recovered()
      void worker.lost.then(failure => this.#worker === worker && this.#note(failure))
      return true
    } catch (error) {
      this.#note(failureOfCall(error))
      return false
    } finally {
      this.#firstTry.resolve()
    }
  }

  /** Waits for room on a full disk; gives the worker up after any other failure. */
  async #mend(worker: HistoryWorkerClient): Promise<void> {
    const { clock } = this.#options
    for (let tries = 1; this.#failure && staysOpen(this.#failure.kind); tries++) {
      await this.#wait(tries)
      if (this.#stop.signal.aborted) return
      try {
        await worker.call('probe', clock.now())
        return this.#recovered()
      } catch (error) {
        this.#note(failureOfCall(error))
      }
    }
    if (!this.#failure) return
    this.#worker = undefined
    await worker.terminate()
  }

  async #wait(tries: number): Promise<void> {
    const { clock, retryMs = { first: 250, max: 30_000 } } = this.#options
    const ms = Math.min(retryMs.max, retryMs.first * 2 ** Math.min(tries - 1, 20))
    // Rejects only when the store is closed, which the callers look at.
    await clock.sleep(ms, this.#stop.signal).catch(() => {})
  }
}

function failureOfCall(error: unknown): Failure {
  if (error instanceof CallFailed) return error.failure
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error), fix: '' }
}
