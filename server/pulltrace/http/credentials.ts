import type { KubeApi } from '../../../core/kube/kube-api.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { Secret } from '../../../core/lib/secret.ts'
import type { ServerConfig, TokenSetting } from '../config.ts'
import {
  type AgentAuth,
  openAgents,
  openReaders,
  orByTicket,
  type ReaderAuth,
  sharedTokenAgents,
  tokenReaders,
} from './auth.ts'
import { kubeAgents } from './kube-agents.ts'
import { kubeReaders } from './kube-readers.ts'
import { KubeReview, type ReviewResult } from './kube-review.ts'
import type { Tickets } from './tickets.ts'
import { openToken } from './token.ts'

/** Whose token the API server was asked about. */
export type Caller = 'agent' | 'reader'

export interface CredentialParts {
  readonly config: Pick<ServerConfig, 'agentAuth' | 'agentServiceAccount' | 'agents' | 'readerAuth' | 'readers'>
  /** Undefined when nothing of the configuration needs Kubernetes. */
  readonly kube: KubeApi | undefined
  readonly tickets: Tickets
  readonly reviewed: (caller: Caller, result: ReviewResult) => void
  readonly filesEveryMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** Who may report and who may read, as configured. What it opens is closed with `running`. */
export async function openCredentials(
  parts: CredentialParts,
  running: AsyncDisposableStack,
): Promise<{ readonly agents: AgentAuth; readonly readers: ReaderAuth }> {
  return { agents: await agentsOf(parts, running), readers: await readersOf(parts, running) }
}

async function agentsOf(parts: CredentialParts, running: AsyncDisposableStack): Promise<AgentAuth> {
  const { config, clock } = parts
  if (config.agentAuth === 'kubernetes') {
    return kubeAgents(reviewFor('agent', parts), config.agentServiceAccount, clock)
  }
  const token = await tokenOf(config.agents, parts, running)
  return token === undefined ? openAgents : sharedTokenAgents(token)
}

async function readersOf(parts: CredentialParts, running: AsyncDisposableStack): Promise<ReaderAuth> {
  const { config, clock, tickets } = parts
  if (config.readerAuth === 'kubernetes') return orByTicket(kubeReaders(reviewFor('reader', parts), clock), tickets)
  const token = await tokenOf(config.readers, parts, running)
  return token === undefined ? openReaders : orByTicket(tokenReaders(token), tickets)
}

function reviewFor(caller: Caller, { kube, reviewed, clock, log }: CredentialParts): KubeReview {
  if (kube === undefined) throw new TypeError('`kube` must be set where tokens are reviewed')
  return new KubeReview({ api: kube, reviewed: result => reviewed(caller, result), clock, log })
}

async function tokenOf(
  setting: TokenSetting | undefined,
  { filesEveryMs, log }: CredentialParts,
  running: AsyncDisposableStack,
) {
  if (setting === undefined) return undefined
  if ('token' in setting) return (): Secret => setting.token
  const token = running.use(await openToken(setting.file, filesEveryMs, log))
  return (): Secret => token.value
}
