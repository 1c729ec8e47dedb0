import type { Transferable } from 'node:worker_threads'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { errorOf, type Failure } from './failure.ts'
import type { StoreWords } from './store-words.ts'
import { CallFailed, WorkerClient, type WorkerModule } from './worker-client.ts'
import type { ArgsOf, MethodOf, Methods, ResultOf } from './worker-protocol.ts'

export interface SupervisorOptions {
  /** Must wait in real time, as disks do. */
  readonly clock: Clock
  readonly log: Logger
  /** Waits between two tries to open or to write again; doubles up to the maximum. Milliseconds. */
  readonly retryMs?: { readonly first: number; readonly max: number }
  /** Heap of the worker. */
  readonly memoryMiB?: number
  /** A disk that has not answered the call that it is at for this long is taken for lost: all calls reject, the file is opened anew. */
  readonly answerTimeoutMs?: number
}

/** Which thread, and what of. */
export interface Supervised {
  readonly module: WorkerModule
  readonly words: StoreWords
  readonly file: string
  /** Only reads are asked of it. */
  readonly readOnly?: boolean
  /** How long a call waits for another process that writes. */
  readonly lockTimeoutMs?: number
}

const opening: Failure = { kind: 'opening', message: 'it is being opened', fix: 'wait a moment' }
export const closed: Failure = { kind: 'closed', message: 'the server is stopping', fix: 'send it again' }

/**
 * After these the same connection goes on once there is room, or the lock is free; reads work meanwhile. After others
 * the file is opened anew.
 */
const staysOpen = (failure: Failure | undefined) => failure?.kind === 'disk_full' || failure?.kind === 'in_use'

/** These say nothing about the database. */
const isOfTheCall = ({ kind }: Failure) => kind === 'internal' || kind === 'overloaded' || kind === 'closed'

export function failureOfCall(error: unknown): Failure {
  if (error instanceof CallFailed) return error.failure
  return { kind: 'internal', message: error instanceof Error ? error.message : String(error), fix: '' }
}

/** Keeps a worker that has the database open, from the first try until `close`. */
export class WorkerSupervisor<D extends Methods> {
  readonly #of: Supervised
  readonly #options: SupervisorOptions
  readonly #stop = new AbortController()
  readonly #stopped = Promise.withResolvers<void>()
  readonly #firstTry = Promise.withResolvers<void>()
  readonly #supervision: Promise<void>
  #worker: WorkerClient<D> | undefined
  #failure: Failure | undefined = opening
  /** Wakes the supervision when a call has seen a failure. */
  #trouble = Promise.withResolvers<void>()

  constructor(of: Supervised, options: SupervisorOptions) {
    this.#of = of
    this.#options = options
    this.#supervision = this.#supervise()
  }

  /** Why the database cannot serve as it should; undefined while it can. */
  get failure(): Failure | undefined {
    return this.#failure
  }

  /**
   * Waits for the first try to open, then no longer than the worker takes. Rejects with CallFailed, or with the
   * PulltraceError by which the database refused the call.
   */
  call<M extends MethodOf<D>>(method: M, ...args: ArgsOf<D, M>): Promise<ResultOf<D, M>> {
    return this.callWith([], method, ...args)
  }

  /** As `call`; buffers that are handed over are empty here afterwards. */
  async callWith<M extends MethodOf<D>>(
    handedOver: readonly Transferable[],
    method: M,
    ...args: ArgsOf<D, M>
  ): Promise<ResultOf<D, M>> {
    await this.#firstTry.promise
    if (!this.#worker) throw new CallFailed(this.#failure ?? opening)
    try {
      return await this.#worker.callWith(handedOver, method, ...args)
    } catch (error) {
      this.note(failureOfCall(error))
      throw error
    }
  }

  /** A write has failed although the call was answered. */
  note(failure: Failure): void {
    if (isOfTheCall(failure) || this.#stop.signal.aborted) return
    if (this.#failure?.kind !== failure.kind) {
      const { words } = this.#of
      const { kind } = failure
      this.#options.log.error(`${words.name} unavailable`, { kind, ...this.#said, error: errorOf(failure, words) })
    }
    this.#failure = failure
    this.#trouble.resolve()
  }

  /** A write has reached the disk: it is no longer full, nor locked. */
  noteWritten(): void {
    if (staysOpen(this.#failure)) this.#recovered()
  }

  /** Answers what was called before, then closes the database. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#stopped.resolve()
    this.#failure = closed
    await this.#supervision
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stop
    for (let tries = 0; !signal.aborted; tries++) {
      if (tries > 0) await this.#wait(tries)
      if (signal.aborted || !(await this.#start())) continue
      tries = 0
      while (this.#worker && !signal.aborted) {
        await Promise.race([this.#trouble.promise, this.#stopped.promise])
        if (!signal.aborted) await this.#mend(this.#worker)
      }
    }
    await this.#worker?.close()
    this.#worker = undefined
  }

  /** Whether a worker serves now. */
  async #start(): Promise<boolean> {
    const { clock, memoryMiB = 256, answerTimeoutMs = 60_000 } = this.#options
    try {
      // Every page is looked at after damage was seen: opening alone may not meet it.
      const { module, file, readOnly = false, lockTimeoutMs = 5000 } = this.#of
      const start = { file, nowMs: clock.now(), check: this.#failure?.kind === 'corrupt', readOnly, lockTimeoutMs }
      const worker = await WorkerClient.start<D>(module, start, { clock, memoryMiB, answerTimeoutMs })
      this.#worker = worker
      this.#recovered()
      void worker.lost.then(failure => this.#worker === worker && this.note(failure))
      return true
    } catch (error) {
      this.note(failureOfCall(error))
      return false
    } finally {
      this.#firstTry.resolve()
    }
  }

  /** Waits for room on a full disk; gives the worker up after any other failure. */
  async #mend(worker: WorkerClient<D>): Promise<void> {
    const { clock } = this.#options
    for (let tries = 1; staysOpen(this.#failure); tries++) {
      await this.#wait(tries)
      if (this.#stop.signal.aborted) return
      try {
        await worker.probe(clock.now())
        return this.#recovered()
      } catch (error) {
        this.note(failureOfCall(error))
      }
    }
    if (!this.#failure) return
    this.#worker = undefined
    await worker.terminate()
  }

  #recovered(): void {
    if (this.#stop.signal.aborted) return
    // Of a second connection it is news only where the first try failed.
    const news = this.#failure && !(this.#failure === opening && this.#of.readOnly === true)
    if (news) this.#options.log.info(`${this.#of.words.name} available`, { file: this.#of.file, ...this.#said })
    this.#failure = undefined
    this.#trouble = Promise.withResolvers()
  }

  /** Several threads may have one file. */
  get #said(): object {
    return this.#of.readOnly === undefined ? {} : { connection: this.#of.readOnly ? 'reads' : 'writes' }
  }

  async #wait(tries: number): Promise<void> {
    const { clock, retryMs = { first: 250, max: 30_000 } } = this.#options
    const ms = Math.min(retryMs.max, retryMs.first * 2 ** Math.min(tries - 1, 20))
    // Rejects only when the store is closed, which the callers look at.
    await clock.sleep(ms, this.#stop.signal).catch(() => {})
  }
}
