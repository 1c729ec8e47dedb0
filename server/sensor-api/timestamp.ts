import type { Timestamp } from '../../proto/generated/google/protobuf/timestamp.ts'

/** Of epoch milliseconds. */
export const timestampOf = (ms: number): Timestamp => {
  const seconds = Math.floor(ms / 1000)
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) }
}

/** 0001-01-01 to 9999-12-31, as google.protobuf.Timestamp allows. */
const minSeconds = -62_135_596_800
const maxSeconds = 253_402_300_799

/** Epoch milliseconds; undefined for what is no time. */
export function msOf({ seconds, nanos }: Timestamp): number | undefined {
  if (seconds < minSeconds || seconds > maxSeconds || nanos < 0 || nanos > 999_999_999) return undefined
  return seconds * 1000 + Math.floor(nanos / 1e6)
}
