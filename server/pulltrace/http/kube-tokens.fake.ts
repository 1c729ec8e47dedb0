import { KubeError } from '../../../core/kube/kube-error.ts'
import type { V1SubjectAccessReviewSpec, V1TokenReviewStatus } from '../../../core/kube/objects.ts'

interface Answer {
  readonly status?: V1TokenReviewStatus
  readonly mayRead?: boolean
}

/** An API server that knows the tokens it is told of, counts what it is asked, and can be away. */
export class FakeReviews {
  readonly asked: { readonly token: string; readonly audiences: readonly string[] }[] = []
  readonly specs: V1SubjectAccessReviewSpec[] = []
  readonly #known = new Map<string, Answer>()
  away: KubeError | undefined

  know(token: string, answer: Answer): void {
    this.#known.set(token, answer)
  }

  forget(token: string): void {
    this.#known.delete(token)
  }

  async tokenReview(token: string, audiences: readonly string[]): Promise<V1TokenReviewStatus> {
    this.asked.push({ token, audiences })
    if (this.away) throw this.away
    // As kube-apiserver 1.35 answers: `authenticated` is absent, not false.
    return this.#known.get(token)?.status ?? { user: {}, error: 'invalid bearer token' }
  }

  async subjectAccessReview(spec: V1SubjectAccessReviewSpec): Promise<{ allowed: boolean }> {
    this.specs.push(spec)
    if (this.away) throw this.away
    const user = [...this.#known.values()].find(({ status }) => status?.user?.username === spec.user)
    return { allowed: user?.mayRead === true }
  }
}

export const gone = () => new KubeError(0, 'Unreachable', 'connect ECONNREFUSED 127.0.0.1:6443')

/** A token whose words can be read; its signature is nobody's. */
export function jwt(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'RS256' })}.${part(claims)}.c2lnbmF0dXJl`
}

/** As the API server answers for a token that the kubelet projected into a pod of `nodeName`. */
export function agentStatus(nodeName: string | undefined, changes: Partial<V1TokenReviewStatus> = {}) {
  return {
    authenticated: true,
    audiences: ['pulltrace-server'],
    user: {
      username: 'system:serviceaccount:pulltrace-agents:pulltrace-agent',
      uid: 'u1',
      groups: ['system:serviceaccounts', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': ['pulltrace-agent-x'],
        ...(nodeName !== undefined && { 'authentication.kubernetes.io/node-name': [nodeName] }),
      },
    },
    ...changes,
  } satisfies V1TokenReviewStatus
}
