import type { Emission } from './emission.ts'

export interface RingLimits {
  readonly maxEntries: number
  /** States and the bytes made from them, by estimate. Unit: bytes. */
  readonly maxBytes: number
}

/** The newest starts and ends, in the order of their numbers. Never above its limits: the oldest go first. */
export class Ring {
  readonly #limits: RingLimits
  #entries: (Emission | undefined)[] = []
  /** Index of the oldest entry; those before it are gone, and nothing is left of them but their places. */
  #head = 0
  #bytes = 0
  #floor = 0
  readonly #newest = new Map<string, Emission>()
  readonly #grow = (bytes: number): void => {
    this.#bytes += bytes
    this.#trim()
  }

  constructor(limits: RingLimits) {
    this.#limits = limits
  }

  /** Whoever has seen this number, or a later one, has missed nothing that is gone. */
  get floor(): number {
    return this.#floor
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#entries.length - this.#head, bytes: this.#bytes }
  }

  push(emission: Emission): void {
    this.#entries.push(emission)
    this.#newest.set(emission.pull.id, emission)
    this.#bytes += emission.heldBytes
    emission.onGrow = this.#grow
    this.#trim()
  }

  /** The newest start or end of a pull that is still kept. */
  newestOf(id: string): Emission | undefined {
    return this.#newest.get(id)
  }

  /** Entries with a number above `seq`, oldest first. */
  after(seq: number): readonly Emission[] {
    let low = this.#head
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#entries[middle]!.seq <= seq) low = middle + 1
      else high = middle
    }
    return this.#entries.slice(low) as Emission[]
  }

  #trim(): void {
    const { maxEntries, maxBytes } = this.#limits
    while (this.#head < this.#entries.length && (this.size.entries > maxEntries || this.#bytes > maxBytes)) {
      const oldest = this.#entries[this.#head]!
      // Or the memory of up to as many again would stay until the rest is moved.
      this.#entries[this.#head++] = undefined
      this.#floor = oldest.seq
      this.#bytes -= oldest.heldBytes
      oldest.onGrow = undefined
      if (this.#newest.get(oldest.pull.id) === oldest) this.#newest.delete(oldest.pull.id)
    }
    // Moves the rest down only when at least half would go: constant work for each entry.
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}
