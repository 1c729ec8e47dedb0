import { createHash } from 'node:crypto'
import { Lru } from '../../../core/lib/lru.ts'
import { type Noted, noted } from './event-blocks.ts'
import { contextTerm, contextTerms, termOf } from './event-terms.ts'
import type { UnpackedBatch } from './event-unpacking.ts'
import type { Statements } from './statements.ts'

/** Rules and paths whose terms are not computed anew for each batch. */
const maxRemembered = 10_000

interface KnownRule {
  readonly seq: number
  readonly terms: readonly number[]
}

/** A rule's version as events refer to it. */
export interface RuleReference {
  readonly seq: number | null
  readonly ruleId: string | null
  readonly version: number | null
  readonly noted: Noted
}

export interface PathReference {
  readonly text: string
  readonly noted: Noted
}

export interface ContextReference {
  readonly id: number
  readonly noted: Noted
}

/** What events refer to, found or made. What is noted of it holds for one transaction. */
export class EventReferences {
  readonly #statements: Statements
  /** Versions never change, and are never deleted. */
  readonly #knownRules = new Lru<string, KnownRule>(maxRemembered)
  readonly #knownPaths = new Lru<string, readonly number[]>(maxRemembered)

  constructor(statements: Statements) {
    this.#statements = statements
  }

  context({ context, contextBytes }: UnpackedBatch): ContextReference {
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
  dropUnused({ id, noted }: ContextReference): void {
    if (noted.block >= 0) return
    this.#statements
      .of('DELETE FROM event_contexts WHERE id = ? AND NOT EXISTS (SELECT 1 FROM event_terms WHERE term = ?)')
      .run(id, contextTerm(id))
  }

  rule(ruleId: string, version: number): RuleReference {
    const known = this.#knownRule(ruleId, version)
    if (!known) return { seq: null, ruleId, version, noted: noted([termOf('rule', ruleId)]) }
    return { seq: known.seq, ruleId: null, version: null, noted: noted(known.terms) }
  }

  path(text: string): PathReference {
    return { text, noted: noted(this.#pathTerms(text)) }
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
