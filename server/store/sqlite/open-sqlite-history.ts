import path from 'node:path'
import type { HistoryGroup, HistorySummary } from '../../../core/contract/api.ts'
import type { TerminalPhase } from '../../../core/contract/words.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { HistoryFilter, HistoryStore, Page, StoreHealth, TimeSummary } from '../store.ts'
import { errorOf, type Failure } from './failure.ts'
import { giveBack } from './give-back.ts'
import { GroupCommit } from './group-commit.ts'
import type { GroupPlace, HistoryDatabase, PullPlace } from './history-database.ts'
import { makeRoom } from './make-room.ts'
import { type PullRow, pullOfBody, rowOf } from './rows.ts'
import { historyWords } from './store-words.ts'
import { CallFailed } from './worker-client.ts'
import type { ArgsOf, MethodOf, ResultOf } from './worker-protocol.ts'
import { closed, failureOfCall, type SupervisorOptions, WorkerSupervisor } from './worker-supervisor.ts'

export interface SqliteHistoryOptions extends SupervisorOptions {
  /** Made if it is not there. The database in it is `pulls.db`. */
  readonly dataDir: string
}

/**
 * Returns at once; the file is opened in the background, and again and again while
 * that fails: the server lives without history meanwhile. Calls wait for the first
 * try; after that they reject with Code.Unavailable while it is not open.
 */
export function openSqliteHistory({ dataDir, ...options }: SqliteHistoryOptions): HistoryStore {
  return new SqliteHistory(path.join(path.resolve(dataDir), 'pulls.db'), options)
}

class SqliteHistory implements HistoryStore {
  readonly #now: () => number
  readonly #log: Logger
  readonly #supervisor: WorkerSupervisor<HistoryDatabase>
  readonly #commits = new GroupCommit<readonly PullRow[], Failure | undefined>(
    groups => this.#write(groups),
    rows => rows.reduce((sum, { body }) => sum + body.length, 0),
  )
  readonly #pages = {
    checkpoint: () => this.#call('checkpoint'),
    returnPages: (pages: number) => this.#call('returnPages', pages),
  }
  #closed = false

  constructor(file: string, options: SupervisorOptions) {
    this.#now = () => options.clock.now()
    this.#log = options.log
    this.#supervisor = new WorkerSupervisor({ module: 'history-worker', words: historyWords, file }, options)
  }

  async append(pulls: readonly PullState[]): Promise<void> {
    if (this.#closed) throw errorOf(closed, historyWords)
    if (pulls.length === 0) return
    const keptMs = this.#now()
    const failure = await this.#commits.append(pulls.map(pull => rowOf(pull, keptMs)))
    if (failure) throw errorOf(failure, historyWords)
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

  async summarizeTime(spanMs: number, filter: HistoryFilter, limit: number): Promise<readonly TimeSummary[]> {
    return this.#call('summarizeTime', spanMs, filter, limit)
  }

  async prune(beforeMs: number, maxBytes: number, signal?: AbortSignal): Promise<number> {
    let removed = this.#supervisor.failure?.kind === 'disk_full' ? await this.#makeRoom(beforeMs, maxBytes, signal) : 0
    while (!signal?.aborted) {
      const some = await this.#call('pruneSome', beforeMs, maxBytes)
      removed += some
      // In small steps: appends get their turn in between. What waits in the WAL goes into the file before each of
      // them, as both together may not fit a volume that is nearly full.
      if (some > 0) await this.#call('checkpoint')
      await giveBack(this.#pages, signal)
      if (some === 0) break
    }
    if (signal?.aborted) return removed
    if (removed > 0) await this.#call('checkpoint')
    await this.#call('keepReserve').catch(error => this.#log.debug('no room set aside', { error }))
    return removed
  }

  async #makeRoom(beforeMs: number, maxBytes: number, signal?: AbortSignal): Promise<number> {
    const removed = await makeRoom(
      {
        pruneSome: most => this.#call('pruneSome', beforeMs, maxBytes, most),
        releaseReserve: () => this.#call('releaseReserve'),
        ...this.#pages,
      },
      signal,
    )
    if (signal?.aborted) return removed
    await this.#call('probe', this.#now())
    this.#supervisor.noteWritten()
    return removed
  }

  size(): Promise<{ readonly pulls: number; readonly bytes: number }> {
    return this.#call('size')
  }

  health(): StoreHealth {
    const { failure } = this.#supervisor
    if (!failure) return { healthy: true }
    return { healthy: false, kind: failure.kind, reason: failure.message, fix: failure.fix }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#commits.drained()
    await this.#supervisor.close()
  }

  async #write(groups: readonly (readonly PullRow[])[]): Promise<readonly (Failure | undefined)[]> {
    try {
      const failures = await this.#supervisor.call('append', groups)
      const failure = failures.find(each => each !== undefined)
      if (failure) this.#supervisor.note(failure)
      else this.#supervisor.noteWritten()
      return failures
    } catch (error) {
      const failure = failureOfCall(error)
      return groups.map(() => failure)
    }
  }

  async #call<M extends MethodOf<HistoryDatabase>>(
    method: M,
    ...args: ArgsOf<HistoryDatabase, M>
  ): Promise<ResultOf<HistoryDatabase, M>> {
    try {
      if (this.#closed) throw new CallFailed(closed)
      return await this.#supervisor.call(method, ...args)
    } catch (error) {
      throw errorOf(failureOfCall(error), historyWords)
    }
  }
}
