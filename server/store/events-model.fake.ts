import { formatPath } from '../../core/rules/path.ts'
import type { Rule } from '../../core/rules/rule.ts'
import type { Appended, EventBatch, EventFilter, FoundEvent } from './events-store.ts'

/** What an EventsStore does, without any thought of speed: the tests compare with it. */
export class EventsModel {
  /** As they were stored. */
  readonly #events: FoundEvent[] = []
  readonly #rules: readonly Rule[]

  constructor(rules: readonly Rule[]) {
    this.#rules = rules
  }

  append({ events, metadata: shared, ...context }: EventBatch): Appended[] {
    return events.map(({ metadata, ...event }) => {
      if (this.#events.some(({ eventId }) => eventId === event.eventId)) return 'duplicate'
      const rule = this.#rules.find(each => each.rule_id === event.ruleId && each.version === event.ruleVersion)
      const known = rule && { ruleName: rule.name, configuredAction: rule.action, dryRun: rule.dry_run }
      this.#events.push({ ...event, ...context, metadata: { ...shared, ...metadata }, ...known })
      return rule ? 'stored' : 'unknown_rule'
    })
  }

  /** Newest received first; of one time the newest stored first. */
  search(filter: EventFilter): FoundEvent[] {
    const found = this.#events.map((event, index) => ({ event, index })).filter(({ event }) => fits(event, filter))
    found.sort((a, b) => b.event.receivedAtMs - a.event.receivedAtMs || b.index - a.index)
    return found.map(({ event }) => event)
  }

  countByRule(sinceMs: number): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { ruleId, receivedAtMs } of this.#events) {
      if (receivedAtMs >= sinceMs) counts.set(ruleId, (counts.get(ruleId) ?? 0) + 1)
    }
    return counts
  }

  deleteBefore(ms: number): number {
    const kept = this.#events.filter(({ receivedAtMs }) => receivedAtMs >= ms)
    return this.#events.splice(0, Number.POSITIVE_INFINITY, ...kept).length - kept.length
  }
}

function fits(event: FoundEvent, filter: EventFilter): boolean {
  const { sinceMs, untilMs, tag, metadata, matchedPath, matchedValue, text, ...exact } = filter
  return (
    event.receivedAtMs >= sinceMs &&
    event.receivedAtMs < untilMs &&
    (tag === undefined || event.tags.includes(tag)) &&
    (metadata === undefined || event.metadata[metadata.key] === metadata.value) &&
    (matchedPath === undefined || formatPath(event.matchedPath) === matchedPath) &&
    (matchedValue === undefined || isValue(event, matchedValue)) &&
    (text === undefined || (event.recordJson?.includes(text) ?? false)) &&
    Object.entries(exact).every(([key, value]) => value === undefined || event[key as keyof FoundEvent] === value)
  )
}

function isValue({ matchedValueJson, matchedValueTruncated }: FoundEvent, typed: string): boolean {
  if (matchedValueJson === undefined || matchedValueTruncated) return false
  const value: unknown = JSON.parse(matchedValueJson)
  return value === typed || JSON.stringify(value) === JSON.stringify(parsed(typed))
}

function parsed(typed: string): unknown {
  try {
    return JSON.parse(typed)
  } catch {
    return undefined
  }
}
