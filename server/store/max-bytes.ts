import { statfs } from 'node:fs/promises'

/** Of a volume; the rest is for the WAL, for others on the volume, and for the time until the next prune. */
const share = 0.7

/**
 * How large the files of a store may grow, in bytes: at most 70 % of what the volume of
 * `dataDir` could give it (its own bytes and the free ones), and at most `configuredBytes`.
 */
export async function maxBytesOf(dataDir: string, ownBytes: number, configuredBytes = Infinity): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir)
  return Math.floor(Math.min(configuredBytes, share * (ownBytes + bavail * bsize)))
}

/**
 * The same for a volume that is full: undefined when the store takes no more of it than it may, so that others have
 * filled it. Removing what little the store has would give them more, and lose it.
 */
export async function maxBytesWhenFull(
  dataDir: string,
  ownBytes: number,
  configuredBytes = Infinity,
): Promise<number | undefined> {
  const { blocks, bsize } = await statfs(dataDir)
  const maxBytes = Math.floor(Math.min(configuredBytes, share * blocks * bsize))
  return ownBytes > maxBytes ? maxBytes : undefined
}
