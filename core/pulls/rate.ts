/** Rates are taken over this long, and over at least two looks when looks are rarer. Milliseconds. */
export const rateWindowMs = 10_000

/** No byte for this long while downloading is a stall; looks rarer than a third of it stretch it. Milliseconds. */
export const stallAfterMs = 10_000

/** Samples kept inside the window; more would only cost memory at short intervals. */
const maxSamples = 16

/**
 * What was fetched over the network since the pull was first seen, look by look. It only rises: cached bytes, what a
 * resumed ingest brought along and bytes thrown away by a restart never enter it. A view that never changes.
 */
export interface RateWindow {
  /**
   * Three places a sample, oldest first: when; what was fetched by then; when bytes had last arrived, or the pull was first
   * seen. Epoch ms of the node, and bytes. Later windows of the pull write on behind `end`, so that a look leaves no copy for V8 to move.
   */
  readonly samples: readonly number[]
  readonly start: number
  readonly end: number
}

/** Places of a sample. */
const step = 3

/** A list of samples is written on until it is this long: a few windows of a common interval. */
const maxPlaces = 64

export function firstRate(atMs: number): RateWindow {
  return resumedRate(atMs, 0)
}

/** The rate starts again, what was fetched does not: for a pull that goes on after it was stored, or a clock set back. */
export function resumedRate(lastByteAtMs: number, fetchedBytes: number): RateWindow {
  return { samples: [lastByteAtMs, fetchedBytes, lastByteAtMs], start: 0, end: step }
}

/** Bytes. */
export const fetchedBytesOf = ({ samples, end }: RateWindow): number => samples[end - 2]!

export const lastByteAtMsOf = ({ samples, end }: RateWindow): number => samples[end - 1]!

/** The window after a look at `atMs` that found `newBytes` more. A clock that went back starts the window again. */
export function advanceRate(rate: RateWindow, atMs: number, newBytes: number): RateWindow {
  const { samples, end } = rate
  const newestMs = samples[end - step]!
  const fetchedBytes = fetchedBytesOf(rate) + newBytes
  if (atMs < newestMs) return resumedRate(atMs, fetchedBytes)
  // The newest sample always stands; the one before it is kept only if it is far enough from its predecessor.
  const before = end - 2 * step
  const replaces = before >= rate.start && newestMs - samples[before]! < rateWindowMs / (maxSamples - 1)
  const kept = replaces ? end - step : end
  // One sample at or before the window's edge stays: it is what the window is measured from.
  let start = rate.start
  while (start + step < kept && samples[start + step]! <= atMs - rateWindowMs) start += step
  const lastByteAtMs = newBytes > 0 ? atMs : lastByteAtMsOf(rate)
  // Only the newest window may write on, and not when its newest sample is replaced.
  const isFree = kept === samples.length && kept < maxPlaces
  const written = (isFree ? samples : samples.slice(start, kept)) as number[]
  if (!isFree) start = 0
  written.push(atMs, fetchedBytes, lastByteAtMs)
  return { samples: written, start, end: written.length }
}

/** Bytes per second over the window; undefined before there are two looks. */
export function bytesPerSecOf(rate: RateWindow): number | undefined {
  const { samples, start, end } = rate
  const tookMs = samples[end - step]! - samples[start]!
  return tookMs > 0 ? ((fetchedBytesOf(rate) - samples[start + 1]!) * 1000) / tookMs : undefined
}
