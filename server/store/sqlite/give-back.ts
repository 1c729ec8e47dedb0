import type { FullDatabase } from './make-room.ts'

/** Free pages that are given back between two appends. */
const pagesAtOnce = 2000

/**
 * Gives free pages back to the volume, in steps between which others get their turn, each moved into the file. Ends when
 * none is left, when a step gave none (a file that was made without `auto_vacuum`, as by `.dump`, keeps them all), or
 * when aborted.
 */
export async function giveBack(
  { returnPages, checkpoint }: Pick<FullDatabase, 'returnPages' | 'checkpoint'>,
  signal?: AbortSignal,
): Promise<void> {
  let before = Number.POSITIVE_INFINITY
  while (!signal?.aborted) {
    const left = await returnPages(pagesAtOnce)
    if (left === 0 || left >= before) return
    before = left
    await checkpoint()
  }
}
