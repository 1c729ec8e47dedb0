import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { NamespacedName } from '../../../core/lib/settings.ts'
import { type AgentAuth, type AgentIdentity, bearerOf } from './auth.ts'
import { type KubeReview, type KubeUser, serverAudience } from './kube-review.ts'
import { claimsOf } from './token-claims.ts'
import { VerdictCache } from './verdict-cache.ts'

const nodeNameKey = 'authentication.kubernetes.io/node-name'
const fix = `send the token that the kubelet projects for audience '${serverAudience}' (PULLTRACE_AGENT_TOKEN_FILE)`

/** Reports come from pods of one ServiceAccount, each for the node that its token is bound to. */
export function kubeAgents(review: KubeReview, account: NamespacedName, clock: Clock): AgentAuth {
  const verdicts = new VerdictCache<AgentIdentity>({
    clock,
    check: token => review.checkClaims(token, serverAudience, fix),
    ask: async token => {
      const identity = await review.decide(async signal =>
        identityOf(await review.userOf(token, serverAudience, signal, fix), account),
      )
      return { value: identity, expiresAtMs: claimsOf(token)?.expiresAtMs }
    },
  })
  return (authorization, from) => verdicts.of(bearerOf(authorization, fix), from)
}

function identityOf({ username = '', extra = {} }: KubeUser, { namespace, name }: NamespacedName): AgentIdentity {
  if (username !== `system:serviceaccount:${namespace}:${name}`) {
    throw new PulltraceError(
      Code.PermissionDenied,
      `the token belongs to '${username}', and only ServiceAccount '${namespace}/${name}' may report`,
      { bound: `'system:serviceaccount:${namespace}:${name}'`, seen: `'${username}'`, fix },
    )
  }
  const [nodeName] = extra[nodeNameKey] ?? []
  if (nodeName === undefined || nodeName === '') {
    throw new PulltraceError(
      Code.PermissionDenied,
      'the token is bound to no node, so nothing says which node it may report for',
      { fix: `${fix}; tokens name their node from Kubernetes 1.30 on` },
    )
  }
  return { nodeName }
}
