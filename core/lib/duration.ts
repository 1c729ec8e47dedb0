const nsPerUnit: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}
const part = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|µs|μs|ms|s|m|h)/gy
/** What Go's time.Duration can hold: 292 years. */
const maxNs = 2n ** 63n - 1n

/**
 * Nanoseconds of a Go duration (`500ms`, `2s`, `1h30m`), or undefined when the text is not one, or one that Go
 * cannot hold. What is finer is cut off. Negative durations are not accepted: no setting of ours has one.
 * Source: https://pkg.go.dev/time#ParseDuration
 */
export function parseDurationNs(text: string): bigint | undefined {
  if (text === '0') return 0n
  let totalNs = 0n
  part.lastIndex = 0
  while (part.lastIndex < text.length) {
    const match = part.exec(text)
    if (!match) return undefined
    const unit = nsPerUnit[match[4]!]!
    const fraction = match[2] ?? match[3] ?? ''
    totalNs += BigInt(match[1] ?? 0) * unit + (BigInt(fraction || 0) * unit) / 10n ** BigInt(fraction.length)
  }
  return text === '' || totalNs > maxNs ? undefined : totalNs
}

/** As parseDurationNs, in milliseconds: to the nanosecond up to some weeks, and close enough beyond. */
export function parseDurationMs(text: string): number | undefined {
  const ns = parseDurationNs(text)
  return ns === undefined ? undefined : Number(ns) / 1e6
}

/** Go's way of writing a duration, to the millisecond: `1h30m0s`, `2s`, `500ms`. */
export function formatDurationMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = Math.round(ms % 60_000) / 1000
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
