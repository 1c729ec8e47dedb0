/** Bounds of what Go's time.Duration can hold are far above ours; only the syntax is Go's. */
const msPerUnit: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy

/**
 * Milliseconds of a Go duration (`500ms`, `2s`, `1h30m`), or undefined when the
 * text is not one. Negative durations are not accepted: no setting of ours has one.
 * Source: https://pkg.go.dev/time#ParseDuration
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  let totalMs = 0
  part.lastIndex = 0
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (!match) return undefined
    totalMs += Number(match[1]) * msPerUnit[match[2]!]!
  }
  return text === '' ? undefined : totalMs
}

/** Go's way of writing a duration, to the millisecond: `1h30m0s`, `2s`, `500ms`. */
export function formatDurationMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = Math.round(ms % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
