import type { EventFilter } from '../events-store.ts'
import { actionCodes, matchKindCodes } from './event-codes.ts'
import { type EventRow, eventRow } from './event-rows.ts'
import { filterTerms, receivedAtKey } from './event-terms.ts'
import { valueCondition } from './event-value.ts'
import type { Statements } from './statements.ts'

/** Where an event stands among all, newest received first. */
export type EventPlace = readonly [receivedMs: number, id: number]

/** What a search knows between two parts of it. */
export interface SearchState {
  /** Only what comes after. */
  readonly after: EventPlace | undefined
  /** Blocks below this id are not yet looked at. */
  readonly below: number
  /** The newest found so far, one more than asked for at most. */
  readonly found: readonly EventPlace[]
}

export const searchStart = (after: EventPlace | undefined): SearchState => ({
  after,
  below: Number.MAX_SAFE_INTEGER,
  found: [],
})

export type SearchAnswer =
  | { readonly rows: readonly EventRow[]; readonly last: EventPlace | undefined }
  | { readonly state: SearchState }

export type IdsAnswer =
  | { readonly ids: readonly Uint8Array[]; readonly last: EventPlace | undefined }
  | { readonly state: SearchState }

/** Texts of one page: fifty records of a mebibyte would be too much for what shows them. */
const maxPageChars = 8 * 1024 * 1024

/** Blocks asked for at once. */
const blocksAtOnce = 64

interface FoundBlock {
  readonly id: number
  readonly ids: number
  readonly highMs: number
}

/** Goes through the blocks that can hold what is looked for, newest first. */
export class EventSearch {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Ends after `forMs`, at the latest after one more block, with the state from which it goes on. */
  run(filter: EventFilter, limit: number, state: SearchState, forMs: number): SearchAnswer {
    const answer = this.#find(filter, limit, state, forMs)
    return 'places' in answer ? this.#page(answer.places, limit) : answer
  }

  /** As `run`, without reading the events: only their own ids, which outlive those of rows. */
  ids(filter: EventFilter, limit: number, state: SearchState, forMs: number): IdsAnswer {
    const answer = this.#find(filter, limit, state, forMs)
    if (!('places' in answer)) return answer
    const { places } = answer
    // What was found in an earlier part may be deleted since, and its row's id be another's.
    const idOf = this.#statements.of('SELECT event_id AS id FROM events WHERE id = ? AND received_ms = ?')
    const rows = places.slice(0, limit).map(([ms, id]) => idOf.get(id, ms) as { id: Uint8Array } | undefined)
    const ids = rows.filter(row => row !== undefined).map(({ id }) => id)
    return { ids, last: places.length > limit ? places[limit - 1] : undefined }
  }

  #find(
    filter: EventFilter,
    limit: number,
    state: SearchState,
    forMs: number,
  ): { readonly places: readonly EventPlace[] } | { readonly state: SearchState } {
    const end = performance.now() + forMs
    const [lastMs = Number.MAX_SAFE_INTEGER] = state.after ?? []
    // What is received at the time of the last page's end can come after it.
    const bounded = { ...filter, untilMs: Math.min(filter.untilMs, lastMs + 1) }
    const terms = this.#rarestFirst(filterTerms(filter))
    let { below, found } = state
    for (;;) {
      const blocks = this.#blocks(bounded, terms, below)
      for (const block of blocks) {
        const worst = found.length > limit ? found[limit]! : undefined
        // Neither it nor anything before it is newer than the worst one found, and their ids are lower.
        if (worst && block.highMs <= worst[0]) return { places: found }
        found = newest([...found, ...this.#inBlock(bounded, block, state.after, limit)], limit + 1)
        below = block.id
        if (performance.now() > end) return { state: { after: state.after, below, found } }
      }
      if (blocks.length < blocksAtOnce) return { places: found }
    }
  }

  #page(found: readonly EventPlace[], limit: number): SearchAnswer {
    const rows: EventRow[] = []
    let chars = 0
    let looked = 0
    for (const [, id] of found.slice(0, limit)) {
      const row = eventRow(this.#statements, id)
      chars += (row?.record?.length ?? 0) + (row?.value?.length ?? 0)
      if (rows.length > 0 && chars > maxPageChars) break
      looked++
      // Deleted since an earlier part found it.
      if (row) rows.push(row)
    }
    return { rows, last: looked < found.length ? found[looked - 1] : undefined }
  }

  #rarestFirst(terms: readonly number[]): readonly number[] {
    if (terms.length < 2) return terms
    const count = this.#statements.of('SELECT count(*) AS n FROM (SELECT 1 FROM event_terms WHERE term = ? LIMIT 1000)')
    const counted = terms.map(term => ({ term, n: (count.get(term) as { n: number }).n }))
    return counted.sort((a, b) => a.n - b.n).map(({ term }) => term)
  }

  #blocks({ sinceMs, untilMs }: EventFilter, terms: readonly number[], below: number): FoundBlock[] {
    const [rarest, ...others] = terms
    // CROSS JOIN keeps the order: without statistics the planner cannot know which is rarer.
    const from = rarest === undefined ? 'event_blocks b' : 'event_terms t CROSS JOIN event_blocks b ON b.id = t.block'
    const id = rarest === undefined ? 'b.id' : 't.block'
    const conditions = [
      ...(rarest === undefined ? [] : ['t.term = ?']),
      `${id} < ?`,
      // high_ms rises with the id.
      `${id} >= (SELECT coalesce((SELECT id FROM event_blocks WHERE high_ms >= ? ORDER BY high_ms, id LIMIT 1), ${Number.MAX_SAFE_INTEGER}))`,
      'b.min_ms < ?',
      ...others.map(() => `EXISTS (SELECT 1 FROM event_terms o WHERE o.block = ${id} AND o.term = ?)`),
    ]
    return this.#statements
      .of(
        `SELECT b.id, b.ids, b.high_ms AS highMs FROM ${from} WHERE ${conditions.join(' AND ')}
        ORDER BY ${id} DESC LIMIT ${blocksAtOnce}`,
      )
      .all(...(rarest === undefined ? [] : [rarest]), below, sinceMs, untilMs, ...others) as unknown as FoundBlock[]
  }

  #inBlock(filter: EventFilter, block: FoundBlock, after: EventPlace | undefined, limit: number): EventPlace[] {
    const where = new Conditions()
    where.add('e.id >= ? AND e.id < ?', block.id, block.id + block.ids)
    where.add('e.received_ms >= ? AND e.received_ms < ?', filter.sinceMs, filter.untilMs)
    if (after) where.add('(e.received_ms, e.id) < (?, ?)', ...after)
    addEventConditions(where, filter)
    addContextConditions(where, filter)
    const rows = this.#statements
      .of(
        `SELECT e.received_ms AS ms, e.id FROM events e ${where.needsContext ? 'JOIN event_contexts c ON c.id = e.context' : ''}
        WHERE ${where.sql} ORDER BY e.received_ms DESC, e.id DESC LIMIT ?`,
      )
      .all(...where.params, limit + 1) as unknown as { ms: number; id: number }[]
    return rows.map(({ ms, id }) => [ms, id] as const)
  }
}

function newest(places: EventPlace[], count: number): EventPlace[] {
  return places.sort(([aMs, aId], [bMs, bId]) => bMs - aMs || bId - aId).slice(0, count)
}

class Conditions {
  readonly #conditions: string[] = []
  readonly params: (string | number)[] = []
  needsContext = false

  get sql(): string {
    return this.#conditions.join(' AND ')
  }

  add(condition: string, ...params: readonly (string | number)[]): void {
    this.#conditions.push(condition)
    this.params.push(...params)
  }

  addContext(condition: string, ...params: readonly (string | number)[]): void {
    this.add(condition, ...params)
    this.needsContext = true
  }
}

/** The cheap ones first: SQLite tries them in this order. */
function addEventConditions(where: Conditions, filter: EventFilter): void {
  const { ruleId, action, configuredAction, dryRun, matchKind, matchedPath, matchedValue, text } = filter
  if (action !== undefined) where.add('e.action = ?', actionCodes[action])
  if (matchKind !== undefined) where.add('e.match_kind = ?', matchKindCodes[matchKind])
  if (matchedPath !== undefined) where.add('e.path = ?', matchedPath)
  if (ruleId !== undefined) {
    where.add(
      '(e.rule IN (SELECT seq FROM rule_versions WHERE rule_id = ?) OR (e.rule IS NULL AND e.unknown_rule = ?))',
      ...[ruleId, ruleId],
    )
  }
  if (configuredAction !== undefined) {
    where.add('(SELECT action FROM rule_versions WHERE seq = e.rule) = ?', configuredAction)
  }
  if (dryRun !== undefined) where.add('(SELECT dry_run FROM rule_versions WHERE seq = e.rule) = ?', Number(dryRun))
  if (matchedValue !== undefined) {
    const { sql, params } = valueCondition(matchedValue)
    where.add(sql, ...params)
  }
  if (text !== undefined) {
    where.add('EXISTS (SELECT 1 FROM event_records r WHERE r.id = e.id AND instr(r.record, ?) > 0)', text)
  }
}

function addContextConditions(where: Conditions, filter: EventFilter): void {
  const { sensorId, apiKeyId, tag, metadata } = filter
  if (sensorId !== undefined) where.addContext('c.sensor_id = ?', sensorId)
  if (apiKeyId !== undefined) where.addContext('c.api_key_id = ?', apiKeyId)
  if (tag !== undefined) where.addContext('EXISTS (SELECT 1 FROM json_each(c.tags) WHERE value = ?)', tag)
  if (metadata === undefined) return
  const { key, value } = metadata
  const own = '(SELECT value FROM json_each(e.metadata) WHERE key = ?)'
  const shared = '(SELECT value FROM json_each(c.metadata) WHERE key = ?)'
  if (key !== receivedAtKey) {
    where.addContext(`coalesce(${own}, ${shared}) = ?`, key, key, value)
    return
  }
  // Of those that do not keep it, it is said by when they were received.
  const ms = Date.parse(value)
  const saidMs = Number.isNaN(ms) || new Date(ms).toISOString() !== value ? -1 : ms
  where.addContext(
    `CASE WHEN ${own} IS NULL AND c.says_received THEN e.received_ms = ? ELSE coalesce(${own}, ${shared}) = ? END`,
    ...[key, saidMs, key, key, value],
  )
}
