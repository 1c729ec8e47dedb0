/** Of an answer that is no stream. Milliseconds. */
const answerWithinMs = 10_000

/**
 * Gives up in time: a browser has six connections to one server, and as many that are never answered would keep the
 * stream from being opened anew.
 */
export const ask = (path: string) => fetch(path, { signal: AbortSignal.timeout(answerWithinMs) })
