import type { Link, News, Seed } from '../live/follower.ts'
import { Neighbours } from './leader.ts'
import { Fanout, type FromTab } from './link.ts'

/**
 * All pages of this browser have one connection: that of the shared worker; where a browser has none, that of one page.
 * Without locks, as on plain HTTP from another machine, such a browser's pages have one each.
 */
export function follow(workerUrl: string, seed: Seed, listener: (news: News) => void): void {
  if ('SharedWorker' in window) followWorker(workerUrl, seed, listener)
  else if ('locks' in navigator && 'BroadcastChannel' in window) new Neighbours(seed, listener)
  else new Fanout().join(listener, seed)
}

function followWorker(workerUrl: string, seed: Seed, listener: (news: News) => void): void {
  const { port } = new SharedWorker(workerUrl, { type: 'module', name: 'pulltrace' })
  port.onmessage = ({ data }: MessageEvent<News>) => listener(data)
  port.postMessage({ kind: 'hello', seed } satisfies FromTab)
  addEventListener('pagehide', () => port.postMessage({ kind: 'bye' } satisfies FromTab))
  // Back from the browser's cache of pages: what was missed comes as a whole.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) port.postMessage({ kind: 'hello', seed: { lastEventId: undefined, pulls: [] } } satisfies FromTab)
  })
}

export const linkTexts: Record<Link, string> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'The server does not answer. This page goes on by itself as soon as it does; what it shows is of before.',
  refused: 'You are not signed in any more.',
}
