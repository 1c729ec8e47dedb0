import { parseDurationMs } from '../../core/lib/duration.ts'

/**
 * A point in time as people give one: how long ago (`90m`, `24h`, `7d`), a date, or an RFC 3339
 * time. RFC 3339 text, or undefined when it is none of these.
 */
export function timeOf(text: string, nowMs: number): string | undefined {
  const days = /^(\d{1,5})d$/.exec(text)
  const agoMs = days ? Number(days[1]) * 86_400_000 : parseDurationMs(text)
  if (agoMs !== undefined) {
    const ms = nowMs - agoMs
    return ms >= 0 ? new Date(ms).toISOString() : undefined
  }
  const date = /^(\d{4}-\d\d-\d\d)([Tt ].*)?$/.exec(text)?.[1]
  // Date takes the 30th of February for the 2nd of March.
  const dayMs = Date.parse(date ?? '')
  const ms = !Number.isNaN(dayMs) && new Date(dayMs).toISOString().startsWith(date!) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}
