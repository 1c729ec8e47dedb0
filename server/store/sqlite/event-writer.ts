import { createHash } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { Lru } from '../../../core/lib/lru.ts'
import { EventBlocks, type Noted, noted } from './event-blocks.ts'
import { actionOf, appendedCodes, matchKindOf } from './event-codes.ts'
import { contextTerm, contextTerms, metadataTerm, termOf } from './event-terms.ts'
import { type PackedEvent, type UnpackedBatch, unpackBatch } from './event-unpacking.ts'
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

/** Rules and paths whose terms are not computed anew for each batch. */
const maxRemembered = 10_000

interface KnownRule {
  readonly seq: number
  readonly terms: readonly number[]
}

/** A rule's version as events refer to it. */
interface RuleReference {
  readonly seq: number | null
  readonly ruleId: string | null
  readonly version: number | null
  readonly noted: Noted
}

interface PathReference {
  readonly text: string
  readonly noted: Noted
}

/** What waits for its turn in a statement of many rows. */
interface Waiting {
  readonly event: PackedEvent
  readonly place: number
  readonly context: { readonly id: number; readonly noted: Noted }
  readonly rule: RuleReference
  readonly path: PathReference
}

/** Writes packed batches, inside one transaction of the caller's. */
export class EventWriter {
  readonly #statements: Statements
  readonly #blocks: EventBlocks
  readonly #manyEvents: StatementSync
  readonly #oneEvent: StatementSync
  readonly #manyRecords: StatementSync
  readonly #oneRecord: StatementSync
  /** Versions never change, and are never deleted. */
  readonly #knownRules = new Lru<string, KnownRule>(maxRemembered)
  readonly #knownPaths = new Lru<string, readonly number[]>(maxRemembered)

  constructor(statements: Statements) {
    this.#statements = statements
    this.#blocks = new EventBlocks(statements)
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
    const contexts: Waiting['context'][] = []
    let waiting: Waiting[] = []
    let place = 0
    for (const batch of batches) {
      const context = this.#context(batch)
      const rules = batch.rules.map(([ruleId, version]) => this.#rule(ruleId, version))
      const paths = batch.paths.map(text => ({ text, noted: noted(this.#pathTerms(text)) }))
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
    for (const context of contexts) this.#dropUnused(context)
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

  #context({ context, contextBytes }: UnpackedBatch): Waiting['context'] {
    const { id } = this.#statements
      .of(
        `INSERT INTO event_contexts (digest, sensor_id, api_key_id, tags, metadata, says_received)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET digest = excluded.digest RETURNING id`,
      )
      .get(
        createHash('sha256').update(contextBytes).digest(),
        context.sensorId,
        context.apiKeyId,
        JSON.stringify(context.tags),
        JSON.stringify(context.metadata),
        context.saysReceived ? 1 : 0,
      ) as { id: number }
    return { id, noted: noted(contextTerms(id, context)) }
  }

  /** A request that only repeated what is there leaves nothing behind. */
  #dropUnused({ id, noted }: Waiting['context']): void {
    if (noted.block >= 0) return
    this.#statements
      .of('DELETE FROM event_contexts WHERE id = ? AND NOT EXISTS (SELECT 1 FROM event_terms WHERE term = ?)')
      .run(id, contextTerm(id))
  }

  #rule(ruleId: string, version: number): RuleReference {
    const known = this.#knownRule(ruleId, version)
    if (!known) return { seq: null, ruleId, version, noted: noted([termOf('rule', ruleId)]) }
    return { seq: known.seq, ruleId: null, version: null, noted: noted(known.terms) }
  }

  #knownRule(ruleId: string, version: number): KnownRule | undefined {
    const key = `${version} ${ruleId}`
    const remembered = this.#knownRules.get(key)
    if (remembered) return remembered
    const found = this.#statements
      .of('SELECT seq, action, dry_run AS dryRun FROM rule_versions WHERE rule_id = ? AND version = ?')
      .get(ruleId, version) as { seq: number; action: string; dryRun: number } | undefined
    if (!found) return undefined
    const { seq, action, dryRun } = found
    const known = { seq, terms: [termOf('rule', ruleId), termOf('configured', action), termOf('dry_run', dryRun)] }
    this.#knownRules.set(key, known)
    return known
  }

  #pathTerms(text: string): readonly number[] {
    const remembered = this.#knownPaths.get(text)
    if (remembered) return remembered
    const terms = [termOf('path', text)]
    this.#knownPaths.set(text, terms)
    return terms
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
