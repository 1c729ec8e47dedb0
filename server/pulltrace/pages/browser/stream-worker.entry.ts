import type { News } from '../live/follower.ts'
import { inPieces } from '../live/pieces.ts'
import { Fanout, type FromTab } from './link.ts'

/** The shared worker: one connection to the server for all pages of this browser. */
const fanout = new Fanout()

addEventListener('connect', event => {
  const [port] = (event as MessageEvent).ports
  if (port === undefined) return
  const listener = (news: News) => {
    for (const piece of inPieces(news)) port.postMessage(piece)
  }
  port.onmessage = ({ data }: MessageEvent<FromTab>) => {
    fanout.leave(listener)
    if (data.kind === 'hello') fanout.join(listener, data.seed)
  }
})
