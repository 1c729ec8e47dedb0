import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Secret } from '../../../core/lib/secret.ts'
import type { Tickets } from './tickets.ts'

/** Who sent a report. `nodeName` binds a credential to one node; a shared token is bound to none. */
export interface AgentIdentity {
  readonly nodeName: string | undefined
}

/** Each answers the caller or throws Unauthenticated. They see header values, never log them. */
export type AgentAuth = (authorization: string | undefined) => AgentIdentity
export type ReaderAuth = (credentials: ReaderCredentials) => void

export interface ReaderCredentials {
  readonly authorization: string | undefined
  /** Only where tickets are taken: the stream. */
  readonly ticket?: string | undefined
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

export function tokenReaders(token: CurrentToken, tickets: Tickets): ReaderAuth {
  return ({ authorization, ticket }) => {
    if (ticket !== undefined && authorization === undefined) {
      if (tickets.redeem(ticket)) return
      throw new PulltraceError(Code.Unauthenticated, 'the ticket is unknown, used or older than 60 s', {
        fix: 'POST /api/v1/tickets for a new one',
      })
    }
    checkBearer(authorization, token(), 'send the reader token as a Bearer token, or a ticket as ?ticket=')
  }
}

export const openReaders: ReaderAuth = () => {}

function checkBearer(authorization: string | undefined, token: Secret, fix: string): void {
  if (authorization === undefined) throw new PulltraceError(Code.Unauthenticated, 'a token is needed', { fix })
  // The scheme's case does not matter (RFC 9110 §11.1); the token's does.
  const candidate = /^bearer +(\S+)$/i.exec(authorization)?.[1]
  if (candidate === undefined) {
    throw new PulltraceError(Code.Unauthenticated, "`authorization` must be 'Bearer TOKEN'", {
      path: 'authorization',
      fix,
    })
  }
  if (!token.equals(candidate)) throw new PulltraceError(Code.Unauthenticated, 'the token is not valid', { fix })
}
