/** Rates are taken over this long, and over at least two looks when looks are rarer. Milliseconds. */
export const rateWindowMs = 10_000

/** No byte for this long while downloading is a stall; looks rarer than a third of it stretch it. Milliseconds. */
export const stallAfterMs = 10_000

/** Samples kept inside the window; more would only cost memory at short intervals. */
const maxSamples = 16

interface Sample {
  readonly atMs: number
  readonly fetchedBytes: number
}

/**
 * What was fetched over the network since the pull was first seen. `fetchedBytes`
 * only rises: cached bytes, what a resumed ingest brought along and bytes thrown
 * away by a restart never enter it.
 */
export interface RateWindow {
  readonly fetchedBytes: number
  /** When bytes last arrived, or when the pull was first seen. Epoch ms of the node. */
  readonly lastByteAtMs: number
  readonly samples: readonly Sample[]
}

export function firstRate(atMs: number): RateWindow {
  return { fetchedBytes: 0, lastByteAtMs: atMs, samples: [{ atMs, fetchedBytes: 0 }] }
}

/** The window after a look at `atMs` that found `newBytes` more. A clock that went back starts the window again. */
export function advanceRate(rate: RateWindow, atMs: number, newBytes: number): RateWindow {
  const last = rate.samples.at(-1)
  if (last === undefined || atMs < last.atMs) {
    const fetchedBytes = rate.fetchedBytes + newBytes
    return { fetchedBytes, lastByteAtMs: atMs, samples: [{ atMs, fetchedBytes }] }
  }
  const fetchedBytes = rate.fetchedBytes + newBytes
  const { samples } = rate
  const before = samples.at(-2)
  // The newest sample always stands; the one before it is kept only if it is far enough from its predecessor.
  const replace = before !== undefined && last.atMs - before.atMs < rateWindowMs / (maxSamples - 1)
  const end = replace ? samples.length - 1 : samples.length
  // One sample at or before the window's edge stays: it is what the window is measured from.
  let first = 0
  while (first + 1 < end && samples[first + 1]!.atMs <= atMs - rateWindowMs) first++
  const kept: Sample[] = new Array(end - first + 1)
  for (let index = first; index < end; index++) kept[index - first] = samples[index]!
  kept[end - first] = { atMs, fetchedBytes }
  return {
    fetchedBytes,
    lastByteAtMs: newBytes > 0 ? atMs : rate.lastByteAtMs,
    samples: kept,
  }
}

/** Bytes per second over the window; undefined before there are two looks. */
export function bytesPerSecOf({ samples }: RateWindow): number | undefined {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined
  return ((last.fetchedBytes - first.fetchedBytes) * 1000) / (last.atMs - first.atMs)
}
