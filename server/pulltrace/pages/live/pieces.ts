import type { News } from './follower.ts'

/** Pulls of one message. Unpacking one takes a page some 20 us, and nothing else of it runs meanwhile. */
const atOnce = 250

/** The news in messages that are small enough; the first one of a whole state names the pulls of all. */
export function* inPieces(news: News): Generator<News> {
  if (news.kind === 'link' || news.pulls.length <= atOnce) {
    yield news
    return
  }
  const first = news.pulls.slice(0, atOnce)
  yield news.kind === 'all'
    ? { ...news, pulls: first, named: news.pulls.map(({ id }) => id) }
    : { ...news, pulls: first }
  for (let at = atOnce; at < news.pulls.length; at += atOnce) {
    yield { kind: 'changes', pulls: news.pulls.slice(at, at + atOnce), gone: [] }
  }
}
