import type { Transferable } from 'node:worker_threads'
import { PulltraceError } from '../../../core/lib/errors.ts'
import type { StoreHealth } from '../store.ts'
import { errorOf, type Failure, isFailure } from './failure.ts'
import { tkWords } from './store-words.ts'
import type { TkMethod, TkMethods } from './tk-database.ts'
import { CallFailed } from './worker-client.ts'
import type { ArgsOf, ResultOf } from './worker-protocol.ts'
import { closed, failureOfCall, type SupervisorOptions, WorkerSupervisor } from './worker-supervisor.ts'

type Worker = WorkerSupervisor<TkMethods>

/**
 * The threads of the database and the way to them. One writes; one answers short reads, which so wait for no write; one
 * is started for the first search, which may take seconds. All calls reject with PulltraceError.
 */
export class TkCalls {
  readonly #writer: Worker
  readonly #reader: Worker
  #searcher: Worker | undefined
  readonly #open: (readOnly: boolean) => Worker
  #closed = false

  constructor(file: string, lockTimeoutMs: number, options: SupervisorOptions) {
    const of = { module: 'tk-worker', words: tkWords, file, lockTimeoutMs } as const
    this.#open = readOnly => new WorkerSupervisor({ ...of, readOnly }, options)
    this.#writer = this.#open(false)
    this.#reader = this.#open(true)
  }

  /** Resolves once the change is on disk. */
  write<M extends TkMethod>(method: M, ...args: ArgsOf<TkMethods, M>): Promise<ResultOf<TkMethods, M>> {
    return this.writeWith([], method, ...args)
  }

  /** As `write`; buffers that are handed over are empty here afterwards. */
  async writeWith<M extends TkMethod>(
    handedOver: readonly Transferable[],
    method: M,
    ...args: ArgsOf<TkMethods, M>
  ): Promise<ResultOf<TkMethods, M>> {
    const result = await this.#ask(this.#writer, handedOver, method, args)
    // A group commit answers for each of its parts: what failed is in the list.
    const failure = Array.isArray(result) ? result.find(isFailure) : undefined
    if (failure) this.#writer.note(failure)
    // What is done to the file as a whole may need no room.
    else if (!method.startsWith('file.')) this.#writer.noteWritten()
    return result
  }

  /** For what takes milliseconds. */
  read<M extends TkMethod>(method: M, ...args: ArgsOf<TkMethods, M>): Promise<ResultOf<TkMethods, M>> {
    return this.#ask(this.#reader, [], method, args)
  }

  /** For what may take seconds. */
  search<M extends TkMethod>(method: M, ...args: ArgsOf<TkMethods, M>): Promise<ResultOf<TkMethods, M>> {
    if (!this.#closed) this.#searcher ??= this.#open(true)
    return this.#ask(this.#searcher ?? this.#reader, [], method, args)
  }

  /** Why nothing can be written; undefined while it can. */
  get writeFailure(): Failure | undefined {
    return this.#writer.failure
  }

  health(): StoreHealth {
    const failure = this.#writer.failure ?? this.#reader.failure
    if (!failure) return { healthy: true }
    return { healthy: false, kind: failure.kind, reason: failure.message, fix: failure.fix }
  }

  /** Answers what was called before. */
  async close(): Promise<void> {
    this.#closed = true
    // The last one to close moves the WAL into the file: that must be one that may write.
    await Promise.all([this.#reader.close(), this.#searcher?.close()])
    await this.#writer.close()
  }

  async #ask<M extends TkMethod>(
    worker: Worker,
    handedOver: readonly Transferable[],
    method: M,
    args: ArgsOf<TkMethods, M>,
  ): Promise<ResultOf<TkMethods, M>> {
    try {
      if (this.#closed) throw new CallFailed(closed)
      return await worker.callWith(handedOver, method, ...args)
    } catch (error) {
      throw error instanceof PulltraceError ? error : errorOf(failureOfCall(error), tkWords)
    }
  }
}
