import type { Statements } from './statements.ts'

/** A block is full with so many ids or bytes: to look through one takes about a millisecond. */
const mostIds = 512
const mostBytes = 4 * 1024 * 1024

/** Terms of one statement. */
const termsAtOnce = 50

interface Block {
  readonly id: number
  ids: number
  events: number
  bytes: number
  minMs: number
  highMs: number
}

/** What may be noted for a block: once, however often it occurs in it. */
export interface Noted {
  readonly terms: readonly number[]
  /** The block for which it was noted last. */
  block: number
}

export const noted = (terms: readonly number[]): Noted => ({ terms, block: -1 })

/** Gives out ids, a block after the other, and notes what is in the newest block. In a transaction: `begin` to `end`. */
export class EventBlocks {
  readonly #statements: Statements
  #block: Block = { id: 1, ids: 0, events: 0, bytes: 0, minMs: Number.POSITIVE_INFINITY, highMs: 0 }
  #terms = new Set<number>()
  /** Block, term, block, term. */
  #unwritten: number[] = []

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Where the last transaction of anyone left off. */
  begin(): void {
    const newest = this.#statements
      .of(
        'SELECT id, ids, events, bytes, min_ms AS minMs, high_ms AS highMs FROM event_blocks ORDER BY id DESC LIMIT 1',
      )
      .get() as Block | undefined
    const known = this.#block
    // Another process may have deleted some of it.
    if (newest && newest.id === known.id && newest.ids === known.ids && newest.bytes === known.bytes) return
    this.#block = newest ?? { id: 1, ids: 0, events: 0, bytes: 0, minMs: Number.POSITIVE_INFINITY, highMs: 0 }
    this.#terms = new Set()
  }

  /** What was noted may not be there: after a transaction that failed, or a deletion. */
  forget(): void {
    this.#block = { ...this.#block, ids: -1 }
    this.#unwritten = []
  }

  /** The first of so many ids. */
  take(ids: number): number {
    const block = this.#block
    if (block.ids >= mostIds || block.bytes >= mostBytes) {
      this.end()
      const minMs = Number.POSITIVE_INFINITY
      this.#block = { id: block.id + block.ids, ids: 0, events: 0, bytes: 0, minMs, highMs: block.highMs }
      this.#terms = new Set()
    }
    this.#block.ids += ids
    return this.#block.id + this.#block.ids - ids
  }

  /** The ids that were taken last were not used. */
  giveBack(ids: number): void {
    this.#block.ids -= ids
  }

  stored(receivedMs: number, bytes: number): void {
    const block = this.#block
    block.events++
    block.bytes += bytes
    block.minMs = Math.min(block.minMs, receivedMs)
    block.highMs = Math.max(block.highMs, receivedMs)
  }

  note(noted: Noted): void {
    if (noted.block === this.#block.id) return
    noted.block = this.#block.id
    for (const term of noted.terms) {
      if (this.#terms.has(term)) continue
      this.#terms.add(term)
      this.#unwritten.push(this.#block.id, term)
    }
    if (this.#unwritten.length >= 2 * termsAtOnce) this.#writeTerms(termsAtOnce)
  }

  /** Writes what is known of the newest block. */
  end(): void {
    this.#writeTerms(termsAtOnce)
    this.#writeTerms(1)
    const { id, ids, events, bytes, minMs, highMs } = this.#block
    if (events === 0) return
    this.#statements
      .of(
        `INSERT INTO event_blocks VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
          ids = excluded.ids, events = excluded.events, bytes = excluded.bytes, min_ms = excluded.min_ms,
          high_ms = excluded.high_ms`,
      )
      .run(id, ids, events, bytes, minMs, highMs)
  }

  /** As many as fill statements of so many rows. */
  #writeTerms(rows: number): void {
    const insert = this.#statements.of(
      `INSERT OR IGNORE INTO event_terms VALUES ${Array(rows).fill('(?, ?)').join(', ')}`,
    )
    while (this.#unwritten.length >= 2 * rows) insert.run(...this.#unwritten.splice(0, 2 * rows))
  }
}
