import { KubeError } from '../../core/kube/kube-error.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { harmless } from '../../core/lib/harmless.ts'

/** Longest wait that an API server can impose on us. Seconds. */
const maxRetryAfterSeconds = 60

/**
 * A failed call to the Kubernetes API in the words of the one who runs this program. `grants` says who gives the
 * permission when one is missing: the API server itself says which.
 */
export function kubeFault(reason: unknown, serverUrl: string, grants: string): PulltraceError {
  if (!(reason instanceof KubeError)) return PulltraceError.from(reason)
  const told = harmless(reason.message.replace(/^[A-Z]+ \S+: (?:\d{3} \w+: )?/, '').replace(/[:\s]+$/, ''))
  const api = `the Kubernetes API server at ${harmless(serverUrl)}`
  const cause = { cause: reason }
  if (reason.status === 403) {
    return new PulltraceError(Code.PermissionDenied, `${api} refuses: ${told}`, { fix: grants, ...cause })
  }
  if (reason.status === 401 || reason.reason === 'NoCredentials') {
    const fix = 'log in again, or name another context: --context, --kubeconfig'
    return new PulltraceError(Code.Unauthenticated, `${api} does not know you: ${told}`, { fix, ...cause })
  }
  if (reason.status === 0) {
    const fix = 'check that kubectl reaches it; another one: --context, --kubeconfig'
    return new PulltraceError(Code.Unavailable, `${api} cannot be reached: ${told}`, { fix, ...cause })
  }
  if (reason.status === 429 || reason.status >= 500) {
    const seconds = reason.retryAfterMs === undefined ? undefined : Math.ceil(reason.retryAfterMs / 1000)
    return new PulltraceError(Code.Unavailable, `${api} answers ${reason.status}: ${told}`, {
      fix: 'try again in a moment',
      ...(seconds !== undefined && { retryAfterSeconds: Math.min(seconds, maxRetryAfterSeconds) }),
      ...cause,
    })
  }
  const code = reason.status === 404 ? Code.NotFound : Code.Invalid
  return new PulltraceError(code, `${api} answers ${reason.status}: ${told}`, cause)
}

/** What a reader of Pulltrace needs, and how it is given. */
export const viewerGrants = (namespace: string) =>
  `Role pulltrace-viewer grants it; an administrator binds it: kubectl -n ${namespace} create rolebinding pulltrace-viewer-YOU --role=pulltrace-viewer --user=YOU`

/** Named in full: of a missing `create` the API server says only that something is forbidden (seen on 1.35). */
export const tunnelGrants = (namespace: string) =>
  `a tunnel needs \`get\` and \`create\` on pods/portforward; ${viewerGrants(namespace)}`

/** What is needed to look at a pod. */
export const podGrants = (namespace: string) =>
  `\`get\` on pods and \`list\` on events in namespace ${namespace}; ClusterRole view grants both`
