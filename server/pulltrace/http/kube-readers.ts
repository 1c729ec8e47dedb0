import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { bearerOf, type ReaderGrant } from './auth.ts'
import { type KubeReview, serverAudience } from './kube-review.ts'
import { claimsOf } from './token-claims.ts'
import { VerdictCache } from './verdict-cache.ts'

const fix =
  "send a token that the cluster knows ('kubectl create token pulltrace-reader -n pulltrace-system'), or a ticket as ?ticket="

/**
 * Whoever the API server knows and lets `get` pulltraceconfigs may read. A token made for this server
 * is reviewed for it; any other as the API server itself would take it, since that is what people have.
 */
export function kubeReaders(
  review: KubeReview,
  clock: Clock,
): (authorization: string | undefined, from?: string) => Grant {
  const verdicts = new VerdictCache<true>({
    clock,
    ask: async token => {
      const claims = claimsOf(token)
      const audience = claims?.audiences.includes(serverAudience) ? serverAudience : undefined
      return review.decide(async signal => {
        const user = await review.userOf(token, audience, signal, fix)
        if (!(await review.mayGetConfigs(user, signal))) throw notAllowed(user.username ?? '')
        return { value: true, expiresAtMs: claims?.expiresAtMs }
      })
    },
  })
  return (authorization, from) => {
    const token = bearerOf(authorization, fix)
    const recheck = () => {
      const verdict = verdicts.of(token, from)
      if (verdict instanceof Promise) return verdict.then(() => {})
      return undefined
    }
    const known = recheck()
    const grant: ReaderGrant = { recheck }
    return known === undefined ? grant : known.then(() => grant)
  }
}

type Grant = ReaderGrant | Promise<ReaderGrant>

const notAllowed = (username: string) =>
  new PulltraceError(Code.PermissionDenied, `'${username}' may not \`get\` pulltraceconfigs.pulltrace.dev`, {
    fix: "an administrator can grant it by a ClusterRoleBinding to ClusterRole 'pulltrace-reader'",
  })
