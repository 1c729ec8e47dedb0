import { type Failure, StoreFault } from './failure.ts'

/** Text held while the disk is behind; more is refused, so that a slow disk cannot eat the memory. */
const maxQueuedChars = 64 * 1024 * 1024

/** One transaction takes at most this much: the appends behind it must not wait for ever. */
const maxGroupChars = 8 * 1024 * 1024

interface Append<Item, Outcome> {
  readonly item: Item
  readonly chars: number
  readonly settle: (outcome: Outcome | Failure) => void
}

/** Writes all items in one transaction; one outcome each, in order. Never rejects. */
export type WriteItems<Item, Outcome> = (items: readonly Item[]) => Promise<readonly Outcome[]>

/**
 * Appends that come while a commit runs go together into the next one: one sync
 * for many. One commit is under way at a time.
 */
export class GroupCommit<Item, Outcome> {
  readonly #write: WriteItems<Item, Outcome>
  readonly #charsOf: (item: Item) => number
  readonly #queue: Append<Item, Outcome>[] = []
  #queuedChars = 0
  #running: Promise<void> | undefined

  /** `charsOf` says how much memory an item takes while it waits. */
  constructor(write: WriteItems<Item, Outcome>, charsOf: (item: Item) => number) {
    this.#write = write
    this.#charsOf = charsOf
  }

  /** Resolves when the item is written or failed, with the outcome; with a failure when too much waits already. */
  append(item: Item): Promise<Outcome | Failure> {
    const chars = this.#charsOf(item)
    if (this.#queuedChars + chars > maxQueuedChars) {
      const message = `${this.#queue.length} appends already wait for the disk`
      return Promise.resolve(new StoreFault('overloaded', message, 'use a faster disk, and send it again').failure)
    }
    const { promise, resolve } = Promise.withResolvers<Outcome | Failure>()
    this.#queue.push({ item, chars, settle: resolve })
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
      const outcomes = await this.#write(group.map(({ item }) => item))
      for (const [i, { settle }] of group.entries()) settle(outcomes[i]!)
    }
    this.#running = undefined
  }

  #take(): Append<Item, Outcome>[] {
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
