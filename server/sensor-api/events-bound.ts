import { statfs } from 'node:fs/promises'
import type { EventsSize } from '../store/events-store.ts'
import { maxBytesOf, maxBytesWhenFull } from '../store/max-bytes.ts'

/** Below what the volume allows, so that the next look does not find too much again. */
const shareLeft = 0.95

/**
 * The history of pulls, beside us in a cluster, makes room on a full volume when it takes more than 70 % of it. Above
 * the rest we do: of a volume that the two have filled, one always makes room.
 */
const shareBesideHistory = 0.3
/** What is left then, of what there was, from look to look. */
const leftEachTime = 0.9

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
  // What waits for new rows needs no more room.
  const usedBytes = databaseBytes - freeBytes
  const mostBytes = (await limitOf(folder, databaseBytes)) ?? (await besideHistory(folder, databaseBytes, usedBytes))
  if (mostBytes === undefined) return undefined
  if (usedBytes <= mostBytes) return configuredBytes
  // At least 1, as 0 is no bound.
  const fittingBytes = Math.max(1, Math.floor((bytes * shareLeft * mostBytes) / usedBytes))
  return configuredBytes === 0 ? fittingBytes : Math.min(configuredBytes, fittingBytes)
}

async function besideHistory(folder: string, databaseBytes: number, usedBytes: number): Promise<number | undefined> {
  const { blocks, bsize } = await statfs(folder)
  return databaseBytes > shareBesideHistory * blocks * bsize ? leftEachTime * usedBytes : undefined
}
