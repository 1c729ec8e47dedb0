import type { EventsSize } from '../store/events-store.ts'
import { maxBytesOf, maxBytesWhenFull } from '../store/max-bytes.ts'

/** Below what the volume allows, so that the next look does not find too much again. */
const shareLeft = 0.95

/**
 * What events may take, in bytes as `prune` counts them, 0 for no bound: what is configured, and less where the whole
 * database would take more than 70 % of its volume. Undefined when the volume is full, but not of this database:
 * removing what little it has would give others more, and lose it.
 */
export async function eventsBound(
  folder: string,
  { bytes, databaseBytes, freeBytes }: EventsSize,
  configuredBytes: number,
  full: boolean,
): Promise<number | undefined> {
  const limitOf = full ? maxBytesWhenFull : maxBytesOf
  const mostBytes = await limitOf(folder, databaseBytes)
  if (mostBytes === undefined) return undefined
  // What waits for new rows needs no more room.
  const usedBytes = databaseBytes - freeBytes
  if (usedBytes <= mostBytes) return configuredBytes
  // At least 1, as 0 is no bound.
  const fittingBytes = Math.max(1, Math.floor((bytes * shareLeft * mostBytes) / usedBytes))
  return configuredBytes === 0 ? fittingBytes : Math.min(configuredBytes, fittingBytes)
}
