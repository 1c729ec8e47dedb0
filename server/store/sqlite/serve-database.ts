import type { MessagePort } from 'node:worker_threads'
import { PulltraceError } from '../../../core/lib/errors.ts'
import { type Failure, failureOf, isBusy } from './failure.ts'
import { releaseReserve } from './reserve.ts'
import type { StoreWords } from './store-words.ts'
import type { Answer, Call } from './worker-protocol.ts'

export interface Served {
  readonly file: string
  readonly words: StoreWords
  /** Finds what a call names. */
  readonly open: () => (method: string) => (...args: readonly unknown[]) => unknown
  /** Before the answer to `close`. */
  readonly closing?: () => void
  /** Who has a file that could not be opened because it is in use. */
  readonly holder?: () => string | undefined
  /** How long a call waits for another process that writes. */
  readonly waitForOthersMs: number
}

/**
 * Life of a worker: it opens the database, says so, and then answers one call after the other. An error that is not
 * an answer (out of memory) ends the thread; its client sees that.
 */
export function serveDatabase(port: MessagePort, served: Served): void {
  const { file, words, open, closing, holder, waitForOthersMs } = served
  const post = (answer: Answer) => port.postMessage(answer)
  try {
    const methodOf = openInAnyCase(file, words, () => whenFree(waitForOthersMs, open))
    let patienceMs = waitForOthersMs
    port.on('message', ({ id, method, args }: Call) => {
      try {
        if (method === 'close') closing?.()
        post({ id, value: whenFree(patienceMs, () => methodOf(method)(...args)) })
        patienceMs = waitForOthersMs
        if (method === 'close') port.close()
      } catch (error) {
        // What waits behind this call has waited as long: a queue of calls must not wait for the sum.
        patienceMs = isBusy(error) ? waitForOthersMs / 20 : waitForOthersMs
        post(answerTo(id, error, failureOf(error, file, words)))
      }
    })
    post({ id: 0, value: undefined })
  } catch (error) {
    const failure = failureOf(error, file, words)
    // Who holds it is read only now: the note belongs to whoever has the lock.
    const seen = failure.kind === 'in_use' ? holder?.() : undefined
    post({ id: 0, failure: seen ? failureOf(error, file, words, seen) : failure })
    port.close()
  }
}

function answerTo(id: number, error: unknown, failure: Failure): Answer {
  if (!(error instanceof PulltraceError)) return { id, failure }
  const { code, message, details } = error
  return { id, refusal: { code, message, details } }
}

/** A database that had filled its volume when it was closed needs room even to be opened: its own. */
function openInAnyCase<T>(file: string, words: StoreWords, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (failureOf(error, file, words).kind !== 'disk_full' || !releaseReserve(file)) throw error
    return open()
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4))

/**
 * Repeats what failed because another process had a lock; every method leaves nothing behind when it fails.
 *
 * SQLite's own waiting ends in looks a tenth of a second apart: a command would never get its turn beside a service that
 * writes one transaction after the other. So SQLite waits for some milliseconds only, and is asked again.
 */
function whenFree<T>(forMs: number, work: () => T): T {
  const end = performance.now() + forMs
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= end) throw error
      // Some locks are refused at once.
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}
