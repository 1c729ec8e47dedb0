import { agentTokenAudience, clusterNames } from '../../core/contract/cluster-names.ts'
import type { KubeApi } from '../../core/kube/kube-api.ts'
import { secrets } from '../../core/kube/resources.ts'
import type { Clock } from '../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { Secret } from '../../core/lib/secret.ts'
import { kubeFault, viewerGrants } from './kube-fault.ts'
import type { ServerPod } from './server-pod.ts'

/** A requested token lives so long; `watch` asks for a new one when four fifths are over. Seconds. */
const tokenLifeSeconds = 3600
/** Less than that left: not worth sending. Milliseconds. */
const renewBeforeMs = (tokenLifeSeconds * 1000) / 5

/** What a user with nothing but a kubeconfig shows to the server. */
export function readerTokens(
  api: KubeApi,
  clock: Clock,
): (server: ServerPod, signal: AbortSignal) => Promise<Secret | undefined> {
  let requested: { readonly token: Secret; readonly expiresAtMs: number } | undefined
  return async ({ readerAuth, namespace }, signal) => {
    const failed = (reason: unknown): PulltraceError => {
      if (signal.aborted) throw reason
      return kubeFault(reason, api.serverUrl, viewerGrants(namespace))
    }
    if (readerAuth === 'none') return undefined
    if (readerAuth === 'token') return tokenOfSecret(api, namespace, signal, failed)
    const own = await api.credentials().catch(reason => {
      throw failed(reason)
    })
    const bearer = bearerOf(own.headers)
    if (bearer !== undefined) return bearer
    // A client certificate cannot be handed on.
    if (requested === undefined || requested.expiresAtMs - clock.now() < renewBeforeMs) {
      const spec = { audiences: [agentTokenAudience], expirationSeconds: tokenLifeSeconds }
      const { token, expiresAt } = await api.createToken(namespace, clusterNames.reader, spec, signal).catch(reason => {
        throw failed(reason)
      })
      requested = { token: new Secret(token), expiresAtMs: Date.parse(expiresAt) }
    }
    return requested.token
  }
}

async function tokenOfSecret(
  api: KubeApi,
  namespace: string,
  signal: AbortSignal,
  failed: (reason: unknown) => PulltraceError,
): Promise<Secret> {
  const secret = await api.get(secrets, clusterNames.reader, { namespace, signal }).catch(reason => {
    throw failed(reason)
  })
  const token = Buffer.from(secret?.data?.['token'] ?? '', 'base64')
    .toString()
    .trim()
  if (/^[!-~]+$/.test(token)) return new Secret(token)
  const seen = secret === undefined ? 'is not there' : 'has no key `token` with one line of visible ASCII characters'
  throw new PulltraceError(Code.Unavailable, `Secret ${namespace}/${clusterNames.reader} ${seen}`, {
    fix: 'the operator makes it: kubectl get pulltraceconfigs says how it stands; or give a token: --token-file',
  })
}

/** Who acts as somebody else must not read as who they are: the token that is asked for is that somebody's. */
function bearerOf(headers: Readonly<Record<string, string>>): Secret | undefined {
  if (Object.keys(headers).some(name => name.toLowerCase().startsWith('impersonate-'))) return undefined
  const value = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1]
  const token = /^bearer +(\S+)$/i.exec(value ?? '')?.[1]
  return token === undefined ? undefined : new Secret(token)
}
