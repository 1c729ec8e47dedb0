import type { StatementSync } from 'node:sqlite'
import { EventBlocks, type Noted, noted } from './event-blocks.ts'
import { actionOf, appendedCodes, matchKindOf } from './event-codes.ts'
import { type ContextReference, EventReferences, type PathReference, type RuleReference } from './event-references.ts'
import { metadataTerm, termOf } from './event-terms.ts'
import { type PackedEvent, unpackBatch } from './event-unpacking.ts'
import type { Statements } from './statements.ts'

/** Rows of one statement: each costs less in company, up to about so many. */
const rowsAtOnce = 20

const columns = `id, event_id, received_ms, client_ms, context, rule, unknown_rule, unknown_version, action, match_kind,
  group_index, condition_index, path, value_truncated, value, metadata`
// Texts come as UTF-8: SQLite need not make them from JavaScript's.
const row = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT))'
const recordRow = '(?, CAST(? AS TEXT))'
const rows = (row: string, count: number) => Array(count).fill(row).join(', ')
const insertEvents = (count: number) =>
  `INSERT INTO events (${columns}) VALUES ${rows(row, count)} ON CONFLICT (event_id) DO NOTHING`
const insertRecords = (count: number) => `INSERT INTO event_records VALUES ${rows(recordRow, count)}`

/** Beside its texts, with its row of the record, its share of the index of ids and of the terms. Bytes. */
const rowBytes = 110

/** What waits for its turn in a statement of many rows. */
interface Waiting {
  readonly event: PackedEvent
  readonly place: number
  readonly context: ContextReference
  readonly rule: RuleReference
  readonly path: PathReference
}

/** Writes packed batches, inside one transaction of the caller's. */
export class EventWriter {
  readonly #statements: Statements
  readonly #blocks: EventBlocks
  readonly #references: EventReferences
  readonly #manyEvents: StatementSync
  readonly #oneEvent: StatementSync
  readonly #manyRecords: StatementSync
  readonly #oneRecord: StatementSync

  constructor(statements: Statements) {
    this.#statements = statements
    this.#blocks = new EventBlocks(statements)
    this.#references = new EventReferences(statements)
    this.#manyEvents = statements.of(insertEvents(rowsAtOnce))
    this.#oneEvent = statements.of(insertEvents(1))
    this.#manyRecords = statements.of(insertRecords(rowsAtOnce))
    this.#oneRecord = statements.of(insertRecords(1))
  }

  /** One code for each event of each batch. */
  write(packed: readonly ArrayBuffer[]): Uint8Array[] {
    this.#blocks.begin()
    const batches = packed.map(unpackBatch)
    const answers = new Uint8Array(batches.reduce((sum, { count }) => sum + count, 0))
    const notes = new Notes()
    const contexts: ContextReference[] = []
    let waiting: Waiting[] = []
    let place = 0
    for (const batch of batches) {
      const context = this.#references.context(batch)
      const rules = batch.rules.map(([ruleId, version]) => this.#references.rule(ruleId, version))
      const paths = batch.paths.map(text => this.#references.path(text))
      contexts.push(context)
      for (const event of batch.events) {
        waiting.push({ event, place: place++, context, rule: rules[event.rule]!, path: paths[event.path]! })
        if (waiting.length < rowsAtOnce) continue
        this.#insert(waiting, answers, notes)
        waiting = []
      }
    }
    for (const each of waiting) this.#insert([each], answers, notes)
    this.#blocks.end()
    for (const context of contexts) this.#references.dropUnused(context)
    let start = 0
    return batches.map(({ count }) => {
      start += count
      return answers.subarray(start - count, start)
    })
  }

  /** What it remembers of the newest block may not be so any more. */
  forget(): void {
    this.#blocks.forget()
  }

  #insert(waiting: readonly Waiting[], answers: Uint8Array, notes: Notes): void {
    const first = this.#blocks.take(waiting.length)
    const [events, records] =
      waiting.length === 1 ? [this.#oneEvent, this.#oneRecord] : [this.#manyEvents, this.#manyRecords]
    const changes = Number(events.run(...waiting.flatMap((each, i) => eventValues(first + i, each))).changes)
    if (changes === 0) this.#blocks.giveBack(waiting.length)
    const stored = changes === waiting.length ? undefined : this.#idsFrom(first)
    let whole = changes === waiting.length
    for (const [i, { event, place, context, rule, path }] of waiting.entries()) {
      if (stored && !stored.has(first + i)) {
        answers[place] = appendedCodes.duplicate
        continue
      }
      answers[place] = rule.seq === null ? appendedCodes.unknown_rule : appendedCodes.stored
      this.#blocks.stored(event.receivedMs, event.bytes + rowBytes)
      this.#blocks.note(context.noted)
      this.#blocks.note(rule.noted)
      this.#blocks.note(path.noted)
      this.#blocks.note(notes.action(event.action))
      this.#blocks.note(notes.matchKind(event.matchKind))
      if (event.metadata) this.#blocks.note(notes.metadata(event.metadata))
      whole &&= event.record !== null
    }
    if (whole) records.run(...waiting.flatMap(({ event }, i) => [first + i, event.record!]))
    else {
      for (const [i, { event }] of waiting.entries()) {
        if (event.record && (!stored || stored.has(first + i))) this.#oneRecord.run(first + i, event.record)
      }
    }
  }

  /** Nothing has a higher id than what was inserted last. */
  #idsFrom(first: number): ReadonlySet<number> {
    const found = this.#statements.of('SELECT id FROM events WHERE id >= ?').all(first) as unknown as { id: number }[]
    return new Set(found.map(({ id }) => id))
  }
}

function eventValues(id: number, { event, context, rule, path }: Waiting) {
  return [
    id,
    event.eventId,
    event.receivedMs,
    event.clientMs,
    context.id,
    rule.seq,
    rule.ruleId,
    rule.version,
    event.action,
    event.matchKind,
    event.groupIndex,
    event.conditionIndex,
    path.text,
    event.valueTruncated ? 1 : 0,
    event.value,
    event.metadata,
  ]
}

/** What events say of themselves, as terms; made once for a transaction. */
class Notes {
  readonly #actions = new Map<number, Noted>()
  readonly #matchKinds = new Map<number, Noted>()
  readonly #metadata = new Map<string, Noted>()

  action(code: number): Noted {
    return remembered(this.#actions, code, () => [termOf('action', actionOf(code))])
  }

  matchKind(code: number): Noted {
    return remembered(this.#matchKinds, code, () => [termOf('kind', matchKindOf(code))])
  }

  metadata(bytes: Uint8Array): Noted {
    return remembered(this.#metadata, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(), json =>
      Object.entries(JSON.parse(json) as Record<string, string>).map(([key, value]) => metadataTerm(key, value)),
    )
  }
}

function remembered<Key>(map: Map<Key, Noted>, key: Key, termsOf: (key: Key) => readonly number[]): Noted {
  const known = map.get(key)
  if (known) return known
  const made = noted(termsOf(key))
  map.set(key, made)
  return made
}
