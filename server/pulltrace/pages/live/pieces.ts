import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import type { News } from './follower.ts'

/** Pulls of one message. Unpacking one takes a page some 20 us, and nothing else of it runs meanwhile. */
const atOnce = 250

/**
 * The news in messages that are small enough; the first one of a whole state names the pulls of all. A page has room for
 * the first rows only, so they come in the order of its rows.
 */
export function* inPieces(news: News): Generator<News> {
  if (news.kind === 'link' || news.pulls.length <= atOnce) {
    yield news
    return
  }
  const pulls = news.kind === 'all' ? inOrder(news.pulls) : news.pulls
  const first = pulls.slice(0, atOnce)
  yield news.kind === 'all' ? { ...news, pulls: first, named: pulls.map(({ id }) => id) } : { ...news, pulls: first }
  for (let at = atOnce; at < pulls.length; at += atOnce) {
    yield { kind: 'changes', pulls: pulls.slice(at, at + atOnce), gone: [] }
  }
}

/** The ids of a whole state, also of what comes in later pieces. */
export const namedBy = ({ pulls, named }: Extract<News, { readonly kind: 'all' }>): Set<string> =>
  new Set(named ?? pulls.map(({ id }) => id))

/** As the server's page has them: by their start, those that have ended behind the others. */
export const inOrder = (pulls: readonly Pull[]): Pull[] =>
  [...pulls].sort(
    (a, b) =>
      Number(isTerminal(a.phase)) - Number(isTerminal(b.phase)) ||
      (a.startedAt < b.startedAt ? -1 : a.startedAt > b.startedAt ? 1 : a.id < b.id ? -1 : 1),
  )
