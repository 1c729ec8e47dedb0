import type { Logger } from '../../../../core/lib/log.ts'
import type { HistoryStore } from '../../../store/store.ts'
import { type ImageBook, rememberMs } from './image-book.ts'

const pageSize = 500
/** Newest first: what a busy day has beyond these is told again by nobody, and counts as not known. */
const maxPulls = 20_000

/** Tells a book that begins what the last day ended with. What cannot be read is left out; ends after a page once aborted. */
export async function fillImageBook(
  book: ImageBook,
  history: Pick<HistoryStore, 'search'>,
  nowMs: number,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let cursor: string | undefined
  try {
    for (let read = 0; read < maxPulls && !signal.aborted; read += pageSize) {
      const page = await history.search({ sinceMs: nowMs - rememberMs }, pageSize, cursor)
      for (const pull of page.items) book.observe(pull, Math.min(nowMs, pull.completedAtMs ?? nowMs))
      cursor = page.nextCursor
      if (cursor === undefined) return
    }
  } catch (error) {
    log.warn('the pulls of the last day are not known to the page of live pulls', { error })
  }
}
