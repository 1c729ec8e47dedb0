import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { PullEvent as PullEventSchema } from '../../core/contract/pull-event.ts'
import { validatorOf } from '../../core/contract/schema.ts'
import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { type Api, answerError } from '../api.ts'

export type StreamItem =
  /** Connected. `resumed` false: the whole state follows, then `synced`. */
  | { readonly kind: 'open'; readonly resumed: boolean }
  /** `event` is absent when this version does not understand it; `data` is what came. */
  | { readonly kind: 'event'; readonly id: string | undefined; readonly data: unknown; readonly event?: PullEvent }
  | { readonly kind: 'reset' }
  | { readonly kind: 'synced' }
  | { readonly kind: 'lost'; readonly reason: string; readonly retryAtMs: number }

export interface StreamOptions {
  readonly api: Api
  /** `/api/v1/events?…`. */
  readonly path: string
  readonly clock: Clock
  /** 0 to 1: spreads clients that lost the same server. */
  readonly random: () => number
  /** Keep trying when the very first connection fails; otherwise that is an error. */
  readonly wait: boolean
  /** Without a byte for so long the connection is dead: the server sends a comment each 15 s. */
  readonly idleMs?: number
  readonly firstRetryMs?: number
}

const maxRetryMs = 5_000
/** One event is a few KiB, with layers some hundred; this is for what is no event stream. Characters. */
const maxFrame = 16 * 1024 * 1024
const validator = validatorOf('event', PullEventSchema)

/**
 * The events of a server, over any number of connections, until the signal aborts or the server
 * refuses (then it throws). Comes back with the last id that was handed out, so that nothing is
 * missed and nothing comes twice.
 */
export async function* followEvents(options: StreamOptions, signal: AbortSignal): AsyncGenerator<StreamItem> {
  const { clock, random, wait, firstRetryMs = 1000 } = options
  let lastId: string | undefined
  let retryMs = firstRetryMs
  let failures = 0
  let everOpen = wait
  while (!signal.aborted) {
    let atLeastMs = 0
    let reason = 'the server closed the stream'
    try {
      for await (const item of connect(options, lastId, signal)) {
        if (item.kind === 'retry') {
          // Asked for by the server, within reason.
          retryMs = Math.min(Math.max(item.ms, 100), maxRetryMs)
          continue
        }
        everOpen = true
        failures = 0
        if ('id' in item && item.id !== undefined) lastId = item.id
        if (item.kind !== 'ignored') yield item
      }
    } catch (thrown) {
      if (signal.aborted) return
      const error = PulltraceError.from(thrown)
      if (error.code !== Code.Unavailable && error.code !== Code.Exhausted) throw error
      if (!everOpen) throw error
      reason = error.message
      atLeastMs = (error.details.retryAfterSeconds ?? 0) * 1000
    }
    if (signal.aborted) return
    const backoffMs = Math.min(retryMs * 2 ** Math.min(failures++, 10), maxRetryMs)
    const delayMs = Math.max(backoffMs * (0.5 + random() / 2), atLeastMs)
    yield { kind: 'lost', reason, retryAtMs: clock.now() + delayMs }
    // Rejects only on abort, and the loop condition is what ends the loop.
    await clock.sleep(delayMs, signal).catch(() => {})
  }
}

type Frame =
  | Exclude<StreamItem, { kind: 'lost' } | { kind: 'synced' }>
  | { readonly kind: 'synced'; readonly id: string | undefined }
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'ignored'; readonly id: string | undefined }

/** One connection. Ends when the server ends it; throws Unavailable when it breaks. */
async function* connect(
  options: StreamOptions,
  lastId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const { api, path, clock, idleMs = 45_000 } = options
  const closing = new AbortController()
  const either = AbortSignal.any([signal, closing.signal])
  try {
    const headers = { accept: 'text/event-stream', ...(lastId !== undefined && { 'last-event-id': lastId }) }
    const response = await api.get(path, headers, either)
    if (!response.ok) throw await watched(clock, idleMs, either, answerError(api, response))
    if (!response.headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
      throw new PulltraceError(Code.Invalid, `${api.server} is not a pulltrace server: it does not stream events`, {
        fix: 'check the address: --server, or PULLTRACE_SERVER_URL',
      })
    }
    yield { kind: 'open', resumed: lastId !== undefined }
    const frames: Frame[] = []
    const parser = createParser({
      maxBufferSize: maxFrame,
      onEvent: message => frames.push(frameOf(message)),
      onRetry: ms => frames.push({ kind: 'retry', ms }),
      onError: error => {
        if (error.type === 'max-buffer-size-exceeded') throw new PulltraceError(Code.Unavailable, error.message)
      },
    })
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await watched(clock, idleMs, either, reader.read())
      if (done) return
      parser.feed(value)
      yield* frames.splice(0)
    }
  } catch (reason) {
    if (reason instanceof PulltraceError) throw reason
    throw new PulltraceError(Code.Unavailable, 'the connection broke', { cause: reason })
  } finally {
    closing.abort()
  }
}

function frameOf({ id, event: name, data }: EventSourceMessage): Frame {
  if (name === 'reset') return { kind: 'reset' }
  if (name === 'synced') return { kind: 'synced', id }
  if (name !== undefined && name !== 'message') return { kind: 'ignored', id }
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    // Not ours, or from a future that does not speak JSON: counted by the reader, never fatal.
    return { kind: 'event', id, data }
  }
  return { kind: 'event', id, data: value, ...(validator.faults(value).length === 0 && { event: value as PullEvent }) }
}

/** What `work` gives, unless it takes longer than `limitMs`: then Unavailable. */
async function watched<T>(clock: Clock, limitMs: number, signal: AbortSignal, work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = clock.sleep(limitMs, AbortSignal.any([signal, timer.signal])).then(
    () => {
      throw new PulltraceError(Code.Unavailable, `nothing came for ${Math.round(limitMs / 1000)} s`)
    },
    () => new Promise<never>(() => {}),
  )
  // The loser of the race is nobody's concern: on abort both end.
  work.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}
