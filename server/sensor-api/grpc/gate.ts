import { randomUUID } from 'node:crypto'
import {
  type Metadata,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  status as Status,
} from '@grpc/grpc-js'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { ApiKey } from '../../store/keys-store.ts'
import { KeyRefused, type RefusedBecause } from '../keys/authenticate.ts'
import type { BodyBudget } from './body-budget.ts'
import type { CallContext, Incoming } from './call-context.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import { openCall } from './open-call.ts'
import type { PingLimit } from './ping-limit.ts'
import type { RateLimit } from './rate-limit.ts'
import { leavePacked, onBodyBytes, sessionOf } from './raw-call.ts'
import { grpcStatusOf } from './status.ts'

export interface Authenticator {
  /** @throws KeyRefused, with the message for the client; Code.Unavailable when nobody can say. */
  authenticate(key: string | undefined): Promise<ApiKey>
}

export interface CallFigures {
  readonly method: string
  readonly code: Status
  readonly seconds: number
  readonly requestBytes: number
  readonly responseBytes: number
}

export interface GateParts {
  /** Paths that begin so need a key; the others are health and reflection. */
  readonly guarded: string
  readonly keys: Authenticator
  readonly rates: RateLimit
  readonly failures: FailedAttempts
  readonly budget: BodyBudget
  readonly pings: PingLimit
  /** In which a request has to arrive. */
  readonly requestWithinMs: number
  /** Undefined, or why no call is taken. */
  readonly notTaken: () => string | undefined
  readonly observed: (figures: CallFigures) => void
  readonly refused: (reason: RefusedBecause) => void
  readonly clock: Clock
  readonly log: Logger
}

/** In front of every method: who calls, how often, with how much. No body is read for whom it turns away. */
export const gate =
  (parts: GateParts): ServerInterceptor =>
  ({ path }, call) => {
    parts.pings.watch(sessionOf(call))
    return path.startsWith(parts.guarded) ? guard(parts, path, call) : openCall(call)
  }

function guard(parts: GateParts, path: string, call: ServerInterceptingCallInterface): ServerInterceptingCall {
  const { budget, requestWithinMs, clock, log, observed } = parts
  const startedMs = clock.monotonic()
  const share = budget.open()
  const address = addressOf(call)
  let context: CallContext | undefined
  let requestId = ''
  let requestBytes = 0
  let responseBytes = 0
  let received = false
  /** To the handler, which gives back what the request holds. */
  let handedOver = false
  let over = false

  const end = (code: Status) => {
    if (over) return
    over = true
    clearTimeout(late)
    if (!handedOver) share.release()
    const seconds = (clock.monotonic() - startedMs) / 1000
    observed({ method: path.slice(path.lastIndexOf('/') + 1), code, seconds, requestBytes, responseBytes })
    log.debug('call ended', { path, requestId, address, keyId: context?.key.id, code: Status[code], seconds })
  }
  const refuse = (reason: unknown) => {
    if (over) return
    const status = grpcStatusOf(reason, requestId)
    status.metadata.set('x-request-id', requestId)
    if (status.code === Status.INTERNAL) log.error('call failed', { path, requestId, error: reason })
    end(status.code)
    share.release()
    call.sendStatus(status)
  }

  // A body that never ends would hold its bytes for ever.
  const late = setTimeout(() => refuse(tooSlow(requestWithinMs)), requestWithinMs)
  const encoding = leavePacked(call)
  onBodyBytes(call, bytes => {
    requestBytes += bytes
    if (over) return
    try {
      share.take(bytes)
    } catch (reason) {
      refuse(reason)
    }
  })

  return new ServerInterceptingCall(call, {
    start: next =>
      next({
        onReceiveMetadata: (metadata, pass) => {
          requestId = requestIdOf(metadata)
          admit(parts, metadata, address, requestId).then(
            key => {
              if (encoding !== 'identity' && encoding !== 'gzip') return refuse(notUnderstood(encoding))
              context = { requestId, key, address, share, encoding }
              if (!over) pass(metadata)
            },
            reason => refuse(reason),
          )
        },
        onReceiveMessage: (body, pass) => {
          if (over || context === undefined) return
          received = true
          pass({ context, body } satisfies Incoming)
        },
        onReceiveHalfClose: pass => {
          if (over) return
          clearTimeout(late)
          handedOver = received
          pass()
        },
        // Every call ends so, with whatever status; also one that grpc-js itself refused.
        onCancel: () => end(Status.CANCELLED),
      }),
    sendMetadata: (metadata, next) => {
      metadata.set('x-request-id', requestId)
      next(metadata)
    },
    sendMessage: (message, next) => {
      responseBytes += (message as Uint8Array).byteLength
      next(message)
    },
    sendStatus: (status, next) => {
      end(status.code ?? Status.UNKNOWN)
      if (status.code !== Status.OK) status.metadata?.set('x-request-id', requestId)
      next(status)
    },
  })
}

/** Resolves with the key of a caller who may go on. */
async function admit(parts: GateParts, metadata: Metadata, address: string, requestId: string): Promise<ApiKey> {
  const { keys, rates, failures, notTaken, refused, clock, log } = parts
  const why = notTaken()
  if (why !== undefined) throw new PulltraceError(Code.Unavailable, why, { retryAfterSeconds: 1 })
  const given = metadata.get('x-api-key')[0]?.toString()
  let key: ApiKey
  try {
    key = await keys.authenticate(given)
  } catch (reason) {
    if (!(reason instanceof KeyRefused)) throw notAnswered(reason)
    refused(reason.reason)
    // Never the key, not even a part of it.
    log.warn('call refused', { address, requestId, reason: reason.reason })
    const delayMs = failures.add(address)
    if (delayMs > 0) await clock.sleep(delayMs)
    throw reason
  }
  const waitSeconds = rates.take(key.id)
  if (waitSeconds > 0) {
    throw new PulltraceError(Code.Exhausted, 'too many calls with this API key', { retryAfterSeconds: waitSeconds })
  }
  return key
}

/** Who has not shown a key learns nothing of files and reasons; the log and /readyz have them. */
function notAnswered(reason: unknown): unknown {
  if (PulltraceError.from(reason).code !== Code.Unavailable) return reason
  return new PulltraceError(Code.Unavailable, 'API keys cannot be checked now', { retryAfterSeconds: 1, cause: reason })
}

const tooSlow = (withinMs: number) =>
  new PulltraceError(Code.Timeout, `the request did not arrive within ${withinMs / 1000} s`)

const notUnderstood = (encoding: string) =>
  new PulltraceError(
    Code.UnsupportedMedia,
    `grpc-encoding must be 'identity' or 'gzip', got '${encoding.slice(0, 40)}'`,
  )

/** What a client calls it; only of harmless characters, as it stands in logs. */
function requestIdOf(metadata: Metadata): string {
  const given = metadata.get('x-request-id')[0]?.toString()
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

/** IPv4 in its own form. */
const addressOf = (call: ServerInterceptingCallInterface): string =>
  (call.getConnectionInfo().remoteAddress ?? 'unknown').replace(/^::ffff:/, '')
