import { readFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { Code, PulltraceError } from '../lib/errors.ts'
import type { Env } from '../lib/settings.ts'
import type { Cluster } from './cluster.ts'

export const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount'

/** client-go's number: the kubelet renews the file when a fifth of the token's life is left, which is minutes. */
const rereadTokenMs = 60_000

/**
 * The cluster that this pod runs in, by the five facts the kubelet gives to every pod. This path does without
 * @kubernetes/client-node: importing it, bundled, takes 0.1 s and 44 MB, in programs that mean to be small.
 */
export function openInCluster(
  env: Env,
  dir = serviceAccountDir,
  nowMs: () => number = () => performance.now(),
): Cluster {
  const host = env['KUBERNETES_SERVICE_HOST']
  const port = env['KUBERNETES_SERVICE_PORT']
  if (!host || !port) {
    throw new PulltraceError(Code.Invalid, 'no Kubernetes API server: this is not a pod, and no kubeconfig is named', {
      fix: 'set PULLTRACE_KUBECONFIG to the path of a kubeconfig file',
    })
  }
  let token = ''
  let readAtMs = Number.NEGATIVE_INFINITY
  return {
    serverUrl: `https://${net.isIPv6(host) ? `[${host}]` : host}:${port}`,
    namespace: readText(dir, 'namespace'),
    async credentials() {
      if (nowMs() - readAtMs >= rereadTokenMs) {
        token = readText(dir, 'token')
        readAtMs = nowMs()
      }
      return {
        headers: { authorization: `Bearer ${token}` },
        tls: { ca: readText(dir, 'ca.crt') },
      }
    },
    refused: () => {
      readAtMs = Number.NEGATIVE_INFINITY
    },
  }
}

function readText(dir: string, name: string): string {
  const file = path.join(dir, name)
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new PulltraceError(Code.Unavailable, `${file} cannot be read: ${(cause as Error).message}`, {
      fix: 'let the pod have a ServiceAccount token: automountServiceAccountToken must not be false',
      cause,
    })
  }
}
