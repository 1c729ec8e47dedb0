/** How far one pull has come, as a row of the page says it. */
export interface Progress {
  readonly id: string
  /** In the words of the row. */
  readonly phase: string
  /** Shares of the total, 0 to 100. */
  readonly downloaded: number
  readonly unpacked: number
}

/** What the page showed, and from when on. Epoch ms. */
export interface Shown extends Progress {
  readonly atMs: number
}

/** What the API told. What is new in it, compared with the sample before, became so after `afterMs`. Epoch ms. */
export interface Sample {
  readonly afterMs: number
  readonly rows: readonly Progress[]
}

export interface Lag extends Progress {
  readonly afterMs: number
  /** Never less than the page really was behind; Infinity when it never got there. */
  readonly ms: number
}

/** How far the page was behind each news of the API: it had to show just that, or something later. */
export function lagsOf(samples: readonly Sample[], shown: readonly Shown[]): Lag[] {
  const told = new Map<string, Progress>()
  const lags: Lag[] = []
  for (const { afterMs, rows } of samples) {
    for (const row of rows) {
      const before = told.get(row.id)
      if (before !== undefined && reaches(before, row)) continue
      told.set(row.id, row)
      const at = shown.find(one => one.id === row.id && reaches(one, row))?.atMs ?? Number.POSITIVE_INFINITY
      lags.push({ ...row, afterMs, ms: Math.max(0, at - afterMs) })
    }
  }
  return lags
}

/** A pull goes through these in their order; an end is the last. */
const order = ['waiting', 'asking', 'downloading', 'unpacking', 'done', 'failed', 'unknown']

function reaches(one: Progress, other: Progress): boolean {
  const by = order.indexOf(one.phase) - order.indexOf(other.phase)
  return by > 0 || (by === 0 && one.downloaded >= other.downloaded && one.unpacked >= other.unpacked)
}
