import { type Failure, StoreFault } from './failure.ts'
import type { PullRow } from './rows.ts'

/** Text held while the disk is behind; more is refused, so that a slow disk cannot eat the memory. */
const maxQueuedChars = 64 * 1024 * 1024

/** One transaction takes at most this much: the appends behind it must not wait for ever. */
const maxGroupChars = 8 * 1024 * 1024

interface Append {
  readonly rows: readonly PullRow[]
  readonly chars: number
  readonly settle: (failure: Failure | undefined) => void
}

/** Writes all groups in one transaction; one entry each: why it was not written, or undefined. */
export type WriteGroups = (groups: readonly (readonly PullRow[])[]) => Promise<readonly (Failure | undefined)[]>

/**
 * Appends that come while a commit runs go together into the next one: one sync
 * for many. One commit is under way at a time.
 */
export class GroupCommit {
  readonly #write: WriteGroups
  readonly #queue: Append[] = []
  #queuedChars = 0
  #running: Promise<void> | undefined

  constructor(write: WriteGroups) {
    this.#write = write
  }

  /** Resolves when the rows are safe, with undefined, or with why they are not. */
  append(rows: readonly PullRow[]): Promise<Failure | undefined> {
    const chars = rows.reduce((sum, { body }) => sum + body.length, 0)
    if (this.#queuedChars + chars > maxQueuedChars) {
      const message = `${this.#queue.length} appends already wait for the disk`
      return Promise.resolve(new StoreFault('overloaded', message, 'use a faster disk; agents send again').failure)
    }
    const { promise, resolve } = Promise.withResolvers<Failure | undefined>()
    this.#queue.push({ rows, chars, settle: resolve })
    this.#queuedChars += chars
    this.#running ??= this.#run()
    return promise
  }

  /** When all that was appended is settled. */
  async drained(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // Whoever appends in this turn of the event loop is in the first group.
    await Promise.resolve()
    while (this.#queue.length > 0) {
      const group = this.#take()
      const failures = await this.#write(group.map(({ rows }) => rows))
      for (const [i, { settle }] of group.entries()) settle(failures[i])
    }
    this.#running = undefined
  }

  #take(): Append[] {
    let count = 0
    let chars = 0
    for (const append of this.#queue) {
      if (count > 0 && chars + append.chars > maxGroupChars) break
      chars += append.chars
      count++
    }
    this.#queuedChars -= chars
    return this.#queue.splice(0, count)
  }
}
