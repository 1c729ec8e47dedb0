import type { Statements } from './statements.ts'

/** What a count knows between two parts of it. */
export interface CountState {
  /** Blocks below this id are not yet counted. */
  readonly below: number
  /** By rule id. */
  readonly counts: ReadonlyMap<string, number>
}

export const countStart: CountState = { below: Number.MAX_SAFE_INTEGER, counts: new Map() }

export type CountAnswer = { readonly counts: ReadonlyMap<string, number> } | { readonly state: CountState }

type RuleCounts = readonly (readonly [ruleId: string, events: number])[]

interface CountedBlock {
  readonly id: number
  readonly ids: number
  readonly events: number
  readonly bytes: number
  readonly minMs: number
}

/** Blocks asked for at once. */
const blocksAtOnce = 256

/** Rules in all remembered blocks: some 50 MB. Beyond it blocks are counted anew. */
const maxRemembered = 500_000

/** Counts events by rule. What a block had is remembered: only the newest block gets more, the others can only lose. */
export class EventCounts {
  readonly #statements: Statements
  /** Versions never change, and are never deleted. */
  readonly #rules = new Map<number, string>()
  readonly #remembered = new Map<number, CountedBlock & { readonly counts: RuleCounts }>()
  #size = 0

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Events received since then. Ends after `forMs`, at the latest after one more block, with the state from which it goes on. */
  run(sinceMs: number, state: CountState, forMs: number): CountAnswer {
    const end = performance.now() + forMs
    const counts = new Map(state.counts)
    let { below } = state
    for (;;) {
      const isNewest = below === Number.MAX_SAFE_INTEGER
      const blocks = this.#blocks(sinceMs, below)
      for (const [place, block] of blocks.entries()) {
        for (const [ruleId, events] of this.#inBlock(block, sinceMs, isNewest && place === 0)) {
          counts.set(ruleId, (counts.get(ruleId) ?? 0) + events)
        }
        below = block.id
        if (performance.now() > end) return { state: { below, counts } }
      }
      if (blocks.length < blocksAtOnce) return { counts }
    }
  }

  #blocks(sinceMs: number, below: number): CountedBlock[] {
    // high_ms rises with the id.
    return this.#statements
      .of(
        `SELECT id, ids, events, bytes, min_ms AS minMs FROM event_blocks WHERE id < ?
          AND id >= (SELECT id FROM event_blocks WHERE high_ms >= ? ORDER BY high_ms, id LIMIT 1)
        ORDER BY id DESC LIMIT ${blocksAtOnce}`,
      )
      .all(below, sinceMs) as unknown as CountedBlock[]
  }

  #inBlock(block: CountedBlock, sinceMs: number, isNewest: boolean): RuleCounts {
    if (isNewest || block.minMs < sinceMs) return this.#count(block, sinceMs)
    const known = this.#remembered.get(block.id)
    // Ids begin anew once all events are deleted.
    if (known && sameBlock(known, block)) return known.counts
    const counts = this.#count(block, sinceMs)
    this.#size += counts.length - (known?.counts.length ?? 0)
    if (this.#size > maxRemembered) {
      this.#remembered.clear()
      this.#size = counts.length
    }
    this.#remembered.set(block.id, { ...block, counts })
    return counts
  }

  #count({ id, ids }: CountedBlock, sinceMs: number): RuleCounts {
    const rows = this.#statements
      .of(
        `SELECT rule, unknown_rule AS unknown, count(*) AS events FROM events
        WHERE id >= ? AND id < ? AND received_ms >= ? GROUP BY rule, unknown_rule`,
      )
      .all(id, id + ids, sinceMs) as unknown as { rule: number | null; unknown: string | null; events: number }[]
    return rows.map(({ rule, unknown, events }) => [rule === null ? unknown! : this.#ruleId(rule), events] as const)
  }

  #ruleId(seq: number): string {
    const known = this.#rules.get(seq)
    if (known !== undefined) return known
    const { id } = this.#statements.of('SELECT rule_id AS id FROM rule_versions WHERE seq = ?').get(seq) as {
      id: string
    }
    this.#rules.set(seq, id)
    return id
  }
}

const sameBlock = (known: CountedBlock, block: CountedBlock) =>
  known.ids === block.ids && known.events === block.events && known.bytes === block.bytes && known.minMs === block.minMs
