import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Secret } from '../../../core/lib/secret.ts'
import type { Tickets } from './tickets.ts'

/** Who sent a report. `nodeName` binds a credential to one node; a shared token is bound to none. */
export interface AgentIdentity {
  readonly nodeName: string | undefined
}

/** What lets a reader in, for as long as it holds. */
export interface ReaderGrant {
  /** Asks again, as streams do while they last: throws, or rejects, as the first question would. */
  recheck(): void | Promise<void>
}

/**
 * Each answers the caller, or throws Unauthenticated or PermissionDenied. A promise comes only where somebody else
 * must be asked: reports are most requests, and wait for nothing that is known. They see header values, never log them.
 * `from` is the address that the request comes from: it shares out waiting, and lets nobody in.
 */
export type AgentAuth = (authorization: string | undefined, from?: string) => AgentIdentity | Promise<AgentIdentity>
export type ReaderAuth = (credentials: ReaderCredentials) => ReaderGrant | Promise<ReaderGrant>

export interface ReaderCredentials {
  readonly authorization: string | undefined
  /** Only where tickets are taken: the stream. */
  readonly ticket?: string | undefined
  /** The cookie of who signed in on a page. */
  readonly session?: string | undefined
  readonly from?: string | undefined
}

const anyNode: AgentIdentity = { nodeName: undefined }

/** A function, because tokens are read again from their files. */
type CurrentToken = () => Secret

export function sharedTokenAgents(token: CurrentToken): AgentAuth {
  return authorization => {
    checkBearer(authorization, token(), 'send the agent token (PULLTRACE_AGENT_TOKEN_FILE) as a Bearer token')
    return anyNode
  }
}

/** For a server that only this machine can reach. */
export const openAgents: AgentAuth = () => anyNode

export function tokenReaders(token: CurrentToken): (authorization: string | undefined) => ReaderGrant {
  const check = (authorization: string | undefined) =>
    checkBearer(authorization, token(), 'send the reader token as a Bearer token, or a ticket as ?ticket=')
  return authorization => {
    check(authorization)
    return { recheck: () => check(authorization) }
  }
}

/** A ticket lets in whoever asked for it, for as long as that one may read; a header goes before it. */
export function orByTicket(
  readers: (authorization: string | undefined, from?: string) => ReaderGrant | Promise<ReaderGrant>,
  tickets: Tickets,
): ReaderAuth {
  return ({ authorization, ticket, from }) => {
    if (ticket === undefined || authorization !== undefined) return readers(authorization, from)
    const grant = tickets.redeem(ticket)
    if (grant === undefined) {
      throw new PulltraceError(Code.Unauthenticated, 'the ticket is unknown, used or older than 60 s', {
        fix: 'POST /api/v1/tickets for a new one',
      })
    }
    const known = grant.recheck()
    return known === undefined ? grant : known.then(() => grant)
  }
}

/** Nothing is asked of readers, so nothing ends: their streams need no second look. */
export const openGrant: ReaderGrant = { recheck() {} }
export const openReaders: ReaderAuth = () => openGrant

function checkBearer(authorization: string | undefined, token: Secret, fix: string): void {
  const candidate = bearerOf(authorization, fix)
  if (!token.equals(candidate)) throw new PulltraceError(Code.Unauthenticated, 'the token is not valid', { fix })
}

export function bearerOf(authorization: string | undefined, fix: string): string {
  if (authorization === undefined) throw new PulltraceError(Code.Unauthenticated, 'a token is needed', { fix })
  // The scheme's case does not matter (RFC 9110 §11.1); the token's does.
  const candidate = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (candidate !== undefined) return candidate
  throw new PulltraceError(Code.Unauthenticated, "`authorization` must be 'Bearer TOKEN'", {
    path: 'authorization',
    fix,
  })
}
