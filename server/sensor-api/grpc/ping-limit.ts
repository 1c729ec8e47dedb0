import { constants, type Http2Session } from 'node:http2'
import type { Clock } from '../../../core/lib/clock.ts'

/** Pings that come faster than this are counted. Milliseconds. */
const minIntervalMs = 10_000
/** So many of them end the connection: more than any client needs to measure its window. */
const maxStrikes = 20

/**
 * Ends connections whose client pings and pings, as gRPC servers do: ENHANCE_YOUR_CALM, `too_many_pings`. grpc-js has no
 * such limit. https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md
 */
export class PingLimit {
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #watched = new WeakSet<Http2Session>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** Idempotent. */
  watch(session: Http2Session | undefined): void {
    if (session === undefined || this.#watched.has(session)) return
    this.#watched.add(session)
    let strikes = 0
    let lastMs = Number.NEGATIVE_INFINITY
    session.on('ping', () => {
      const nowMs = this.#clock.monotonic()
      strikes = nowMs - lastMs < minIntervalMs ? strikes + 1 : 0
      lastMs = nowMs
      if (strikes <= maxStrikes || session.closed) return
      session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('too_many_pings'))
      session.close()
    })
  }
}
