import type { ReportedPull } from '../core/contract/agent-report.ts'
import { withinBounds } from './within-bounds.ts'

/** Above this many, the oldest go without their layers; above twice as many the oldest go. */
export const maxWithLayers = 10_000
/** What one report may list, too (core/contract/agent-report.ts). */
export const maxHeld = 2 * maxWithLayers

interface Held {
  readonly pull: ReportedPull
  readonly bytes: number
}

/** Ended pulls that no answer has acknowledged yet. Insertion order is age, oldest first. */
export class Terminals {
  readonly #held = new Map<string, Held>()
  /** Those not yet sent since the turn began; everyone has had a turn when it is empty. */
  #waiting = new Set<string>()
  #withLayers = 0
  #dropped = 0

  /** Pulls lost for want of room, since the start. */
  get dropped(): number {
    return this.#dropped
  }

  get size(): number {
    return this.#held.size
  }

  has(id: string): boolean {
    return this.#held.has(id)
  }

  /** The same pull again replaces what was held: an `unknown` end may become a true one. */
  add(pull: ReportedPull): void {
    this.#remove(pull.id)
    this.#put(withinBounds(pull))
    this.#waiting.add(pull.id)
    if (this.#withLayers > maxWithLayers) this.#dropLayersOfOldest()
    if (this.#held.size > maxHeld) {
      this.#remove(this.#held.keys().next().value!)
      this.#dropped++
    }
  }

  /** It goes on after all: a report tells of a pull once. */
  forget(id: string): void {
    this.#remove(id)
  }

  /**
   * As many as fit into `bytes` of JSON, oldest first; the next batch goes on where this one ended. The first goes
   * without its layers when they alone are too many: it would hold up all others for ever.
   */
  batch(bytes: number, count: number): readonly ReportedPull[] {
    if (this.#waiting.size === 0) this.#waiting = new Set(this.#held.keys())
    const batch: ReportedPull[] = []
    let left = bytes
    for (const id of this.#waiting) {
      let held = this.#held.get(id)!
      if (held.bytes > left && batch.length === 0) held = this.#bare(id, held.pull)
      if (held.bytes > left || batch.length === count) break
      left -= held.bytes
      batch.push(held.pull)
    }
    for (const { id } of batch) this.#waiting.delete(id)
    return batch
  }

  acknowledge(pulls: readonly ReportedPull[]): void {
    // One that was replaced since it was sent still has something to say.
    for (const pull of pulls) if (this.#held.get(pull.id)?.pull === pull) this.#remove(pull.id)
  }

  #put(pull: ReportedPull): void {
    this.#held.set(pull.id, { pull, bytes: jsonBytesOf(pull) })
    if (pull.layers.length > 0) this.#withLayers++
  }

  #remove(id: string): void {
    const held = this.#held.get(id)
    if (held && held.pull.layers.length > 0) this.#withLayers--
    this.#held.delete(id)
    this.#waiting.delete(id)
  }

  #dropLayersOfOldest(): void {
    for (const [id, { pull }] of this.#held) {
      if (pull.layers.length === 0) continue
      this.#bare(id, pull)
      return
    }
  }

  #bare(id: string, pull: ReportedPull): Held {
    const bare: ReportedPull = { ...pull, layers: [], totalKnown: false }
    const held = { pull: bare, bytes: jsonBytesOf(bare) }
    // Setting a key that is there keeps its place in the order.
    this.#held.set(id, held)
    if (pull.layers.length > 0) this.#withLayers--
    return held
  }
}

/** With the comma that follows it. */
export const jsonBytesOf = (pull: ReportedPull): number => Buffer.byteLength(JSON.stringify(pull)) + 1
