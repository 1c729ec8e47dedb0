import path from 'node:path'
import { type Transferable, Worker } from 'node:worker_threads'
import type { Clock } from '../../../core/lib/clock.ts'
import { PulltraceError } from '../../../core/lib/errors.ts'
import type { Failure } from './failure.ts'
import type { Answer, ArgsOf, Call, MethodOf, Methods, Refusal, ResultOf, WorkerStart } from './worker-protocol.ts'

/** A module whose thread serves a database: `serveDatabase` is its life. */
export type WorkerModule = 'history-worker' | 'tk-worker'

/**
 * A worker lies beside this module and has its extension: `.ts` in the checkout,
 * `.js` beside the bundle, where the build must put it as an entry of
 * its own. Nothing is looked up and nothing is configured.
 */
const urlOf = (module: WorkerModule) =>
  new URL(`./${module}${path.extname(new URL(import.meta.url).pathname)}`, import.meta.url)

type Outcome = { readonly value: unknown } | { readonly failure: Failure } | { readonly refusal: Refusal }

/** A failed call, with what the supervisor must know; callers get `errorOf(failure)`. */
export class CallFailed extends Error {
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

export interface WorkerLimits {
  readonly clock: Clock
  /** Heap of the thread. */
  readonly memoryMiB: number
  /** A disk that has not answered the call that it is at for this long is taken for lost; calls behind that one have not begun. */
  readonly answerTimeoutMs: number
}

/** Calls across the thread border. Every call is answered: by the worker, or by the loss of it. */
export class WorkerClient<D extends Methods> {
  /** Resolves once the thread is gone or is given up, with the reason. */
  readonly lost: Promise<Failure>
  readonly #worker: Worker
  readonly #clock: Clock
  readonly #answerTimeoutMs: number
  readonly #file: string
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()
  readonly #lose: (failure: Failure) => void
  /** Ends the wait for the call that the worker is at. */
  #watched = new AbortController()
  #loss: Failure | undefined
  #lastId = 0

  private constructor(module: WorkerModule, start: WorkerStart, { clock, memoryMiB, answerTimeoutMs }: WorkerLimits) {
    const { promise, resolve } = Promise.withResolvers<Failure>()
    this.lost = promise
    this.#lose = resolve
    this.#clock = clock
    this.#answerTimeoutMs = answerTimeoutMs
    this.#file = start.file
    this.#worker = new Worker(urlOf(module), {
      name: module,
      workerData: start,
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
    })
    let thrown: unknown
    this.#worker.on('error', error => {
      thrown = error
    })
    this.#worker.on('exit', code =>
      this.#end('crashed', thrown instanceof Error ? thrown.message : `exit code ${code}`),
    )
    this.#worker.on('message', (answer: Answer) => {
      const settle = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      this.#watch()
      settle?.(answer)
    })
  }

  /** Rejects with CallFailed when the database cannot be opened; the thread is then gone. */
  static async start<D extends Methods>(
    module: WorkerModule,
    start: WorkerStart,
    limits: WorkerLimits,
  ): Promise<WorkerClient<D>> {
    const client = new WorkerClient<D>(module, start, limits)
    try {
      await client.#answer(0)
      return client
    } catch (error) {
      await client.terminate()
      throw error
    }
  }

  /**
   * Rejects with CallFailed, or with the PulltraceError by which the database refused the call. Buffers that are handed
   * over are empty here afterwards.
   */
  async callWith<M extends MethodOf<D>>(
    handedOver: readonly Transferable[],
    method: M,
    ...args: ArgsOf<D, M>
  ): Promise<ResultOf<D, M>> {
    return (await this.#ask(method, args, handedOver)) as ResultOf<D, M>
  }

  /** Rejects with CallFailed unless the database works. */
  async probe(nowMs: number): Promise<void> {
    await this.#ask('probe', [nowMs])
  }

  /** Closes the database, then ends the thread; what was called before is answered first. */
  async close(): Promise<void> {
    // A worker that fails to close is ended all the same: what was answered is synced.
    await this.#ask('close').catch(() => {})
    await this.terminate()
  }

  /** Ends the thread, which closes the database; a thread that hangs in the kernel is not waited for. */
  async terminate(): Promise<void> {
    this.#end('closed', 'the worker was stopped')
    const waited = new AbortController()
    await Promise.race([this.#worker.terminate(), this.#clock.sleep(5000, waited.signal).catch(() => {})])
    waited.abort()
  }

  async #ask(
    method: string,
    args: readonly unknown[] = [],
    handedOver: readonly Transferable[] = [],
  ): Promise<unknown> {
    if (this.#loss) throw new CallFailed(this.#loss)
    const id = ++this.#lastId
    // Throws when an argument cannot cross; then nothing waits for an answer.
    this.#worker.postMessage({ id, method, args } satisfies Call, handedOver)
    return this.#answer(id)
  }

  async #answer(id: number): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.#waiting.set(id, resolve)
    if (this.#waiting.size === 1) this.#watch()
    const outcome = await promise
    if ('failure' in outcome) throw new CallFailed(outcome.failure)
    if ('refusal' in outcome) {
      const { code, message, details } = outcome.refusal
      throw new PulltraceError(code, message, details)
    }
    return outcome.value
  }

  /** From now on for the oldest call: calls are answered in order, so the worker begins it now. */
  #watch(): void {
    this.#watched.abort()
    if (this.#waiting.size === 0) return
    this.#watched = new AbortController()
    this.#clock.sleep(this.#answerTimeoutMs, this.#watched.signal).then(
      () => this.#end('io_error', `no answer for ${this.#answerTimeoutMs / 1000} s`),
      // Answered in time.
      () => {},
    )
  }

  #end(kind: 'crashed' | 'closed' | 'io_error', why: string): void {
    if (this.#loss) return
    const failure: Failure =
      kind === 'io_error'
        ? { kind, message: `${this.#file}: ${why}`, fix: 'check the disk' }
        : {
            kind,
            message: `the thread that writes ${this.#file} has ended (${why})`,
            fix: 'it is started again by itself',
          }
    this.#loss = failure
    for (const settle of this.#waiting.values()) settle({ failure })
    this.#waiting.clear()
    this.#watched.abort()
    this.#lose(failure)
  }
}
