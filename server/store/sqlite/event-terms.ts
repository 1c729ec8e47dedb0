import { hash } from 'node:crypto'
import type { EventFilter } from '../events-store.ts'
import type { EventContext } from './event-context.ts'

/** What a block of events can be found by. */
type TermKind = 'rule' | 'action' | 'configured' | 'dry_run' | 'kind' | 'path' | 'sensor' | 'key' | 'tag'

/** 48 bits: a number that JavaScript and SQLite both hold exactly, and too many values for a chance meeting to matter. */
export function termOf(kind: TermKind, text: string | number): number {
  return hashOf(`${kind}\n${text}`)
}

export function metadataTerm(key: string, value: string): number {
  return hashOf(`metadata\n${JSON.stringify([key, value])}`)
}

function hashOf(text: string): number {
  return hash('sha1', text, 'buffer').readUIntBE(0, 6)
}

/** Of a context itself: below zero, as hashes never are, so that it tells the context. */
export const contextTerm = (id: number) => -id

export function contextTerms(id: number, context: EventContext): readonly number[] {
  return [
    contextTerm(id),
    termOf('sensor', context.sensorId),
    termOf('key', context.apiKeyId),
    ...context.tags.map(tag => termOf('tag', tag)),
    ...Object.entries(context.metadata).map(([key, value]) => metadataTerm(key, value)),
  ]
}

/** Terms of which a block must have every one to hold an event that the filter finds. */
export function filterTerms(filter: EventFilter): readonly number[] {
  const { ruleId, action, configuredAction, dryRun, matchKind, sensorId, tag, apiKeyId, metadata, matchedPath } = filter
  const terms: number[] = []
  if (ruleId !== undefined) terms.push(termOf('rule', ruleId))
  if (action !== undefined) terms.push(termOf('action', action))
  if (configuredAction !== undefined) terms.push(termOf('configured', configuredAction))
  if (dryRun !== undefined) terms.push(termOf('dry_run', Number(dryRun)))
  if (matchKind !== undefined) terms.push(termOf('kind', matchKind))
  if (matchedPath !== undefined) terms.push(termOf('path', matchedPath))
  if (sensorId !== undefined) terms.push(termOf('sensor', sensorId))
  if (apiKeyId !== undefined) terms.push(termOf('key', apiKeyId))
  if (tag !== undefined) terms.push(termOf('tag', tag))
  if (metadata !== undefined && metadata.key !== receivedAtKey) terms.push(metadataTerm(metadata.key, metadata.value))
  return terms
}

/** What the server notes of a request beside its time, which every event has: not kept a second time. */
export const receivedAtKey = '$tk.server_received_at'
