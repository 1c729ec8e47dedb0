/** What a store that removes what is old asks of its database. */
export interface FullDatabase {
  /** Removes up to so many of the oldest rows; how many went. */
  readonly pruneSome: (most: number) => Promise<number>
  readonly releaseReserve: () => Promise<unknown>
  readonly checkpoint: () => Promise<unknown>
  /** How many are left to give. */
  readonly returnPages: (pages: number) => Promise<number>
}

/** So little that what was set aside suffices. Rows may be fewer, down to one. */
const rowsWhenFull = 50
const pagesWhenFull = 16

/** On a full disk even removing needs room: first what was set aside, then what each small step gives. */
export async function makeRoom(
  { pruneSome, releaseReserve, checkpoint, returnPages }: FullDatabase,
  signal?: AbortSignal,
): Promise<number> {
  await releaseReserve()
  // What waits in the WAL may fit the file, and then the WAL is empty. If not, removing comes first.
  await checkpoint().catch(() => {})
  let removed = 0
  let rows = rowsWhenFull
  while (removed < rowsWhenFull && !signal?.aborted) {
    try {
      const some = await pruneSome(rows)
      removed += some
      await checkpoint()
      await returnPages(pagesWhenFull)
      await checkpoint()
      if (some === 0) break
    } catch (error) {
      if (rows === 1) throw error
      rows = Math.ceil(rows / 10)
    }
  }
  return removed
}
