import type { Action, FieldPath, MatchKind } from '../../../core/rules/rule.ts'

/** One rule that matched one record. */
export interface RuleMatch {
  readonly ruleId: string
  readonly version: number
  readonly name: string
  readonly action: Action
  /** With the index of the element that matched in place of each wildcard. */
  readonly matchedPath: FieldPath
  /** Before any conversion; undefined when the condition counts as matched by a policy. */
  readonly value: unknown
  readonly kind: MatchKind
  /** UUIDv7 of the event that waits for a flush; undefined when no event could be kept, or none was wanted. */
  readonly eventId: string | undefined
}

/** What the rules say of one record. */
export interface Outcome {
  /** The strongest action that matched; `pass` when none did or no rules are in force. */
  readonly action: 'pass' | Action
  /** False after `drop` and `fail`: the caller must not let the record go on. */
  readonly keep: boolean
  readonly matches: readonly RuleMatch[]
  /** Of the rules it was checked with; undefined when none were in force. */
  readonly ruleSetEtag: string | undefined
}

export interface BatchOutcome {
  /** In the order of the records. */
  readonly outcomes: readonly Outcome[]
  /** How the events were sent; undefined with `flush: false`. */
  readonly flush: FlushResult | undefined
}

/** What became of the events of one flush. Never an exception: what could not be sent is kept for the next one. */
export interface FlushResult {
  /** Events in requests that the server answered. */
  readonly sent: number
  /** Stored, or stored before. */
  readonly accepted: number
  /** Of the accepted: stored before. */
  readonly duplicates: number
  /** Refused for good, one by one. */
  readonly rejected: number
  /** Not sent, or refused for now: first in line for the next flush. */
  readonly requeued: number
  /** Given up: too large for the server, no room left in the buffer, or unsent when the sensor closed. */
  readonly dropped: number
  /** Why something is still waiting or was given up. */
  readonly error: string | undefined
}

export interface SyncResult {
  readonly ok: boolean
  /** True when other rules are in force than before. */
  readonly changed: boolean
  /** Of the rules that the sensor holds. */
  readonly etag: string | undefined
  /** Rules in force. */
  readonly rules: number
  readonly error: string | undefined
}

export const sensorStates = ['NOT_READY', 'READY', 'STALE', 'ERROR'] as const
/**
 * NOT_READY: no sync has ended yet. READY: the last one succeeded. STALE: it failed, the rules are still in force.
 * ERROR: it failed and the rules are off, or every check throws.
 */
export type SensorState = (typeof sensorStates)[number]
