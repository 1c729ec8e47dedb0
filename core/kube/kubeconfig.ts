import type { RequestOptions } from 'node:https'
import path from 'node:path'
import { Code, PulltraceError } from '../lib/errors.ts'
import type { Cluster, Credentials } from './cluster.ts'

/** After a 401, plugins and files are asked again at most this often. */
const reloadAtMostEveryMs = 10_000

/**
 * The cluster of a kubeconfig's context, with every way to authenticate that client-node knows: tokens, client
 * certificates, exec plugins, OIDC. `files` may be several, separated as in $KUBECONFIG: the first that names
 * something is right about it. client-node is imported here and nowhere else, as it is heavy (see in-cluster.ts).
 */
export async function openKubeconfig(files: string, context: string | undefined): Promise<Cluster> {
  const load = await loaderOf(files, context)
  let config = load()
  let loadedAtMs = performance.now()
  const { server } = config.getCurrentCluster()!
  return {
    serverUrl: server.replace(/\/+$/, ''),
    namespace: config.getContextObject(config.getCurrentContext())?.namespace || 'default',
    async credentials() {
      const options: RequestOptions = { headers: {} }
      await config.applyToHTTPSOptions(options)
      const { ca, cert, key, servername, rejectUnauthorized } = options
      const headers = { ...(options.headers as Record<string, string>) }
      if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
      return {
        headers,
        tls: {
          ...(ca !== undefined && { ca }),
          ...(cert !== undefined && { cert }),
          ...(key !== undefined && { key }),
          ...(servername !== undefined && { servername }),
          ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
        },
        // Its own agent keeps no connection open, which costs a TLS handshake a request; a proxy's has no other.
        agent: config.getCurrentCluster()?.proxyUrl ? (options.agent as Credentials['agent']) : undefined,
      }
    },
    refused() {
      if (performance.now() - loadedAtMs < reloadAtMostEveryMs) return
      loadedAtMs = performance.now()
      try {
        config = load()
      } catch {
        // Being rewritten, perhaps. What was read before is no worse than nothing.
      }
    },
  }
}

async function loaderOf(files: string, context: string | undefined) {
  const { KubeConfig } = await import('@kubernetes/client-node/dist/config.js')
  return () => {
    const merged = new KubeConfig()
    let current: string | undefined
    for (const file of files.split(path.delimiter).filter(name => name !== '')) {
      const one = new KubeConfig()
      try {
        one.loadFromFile(file)
      } catch (cause) {
        throw new PulltraceError(Code.Invalid, `kubeconfig ${file} cannot be read: ${(cause as Error).message}`, {
          fix: 'name a file that `kubectl --kubeconfig FILE version` can use',
          cause,
        })
      }
      current ??= one.getCurrentContext() || undefined
      const isNew =
        <T extends { name: string }>(known: readonly T[]) =>
        (entry: T) =>
          !known.some(({ name }) => name === entry.name)
      merged.clusters.push(...one.clusters.filter(isNew(merged.clusters)))
      merged.users.push(...one.users.filter(isNew(merged.users)))
      merged.contexts.push(...one.contexts.filter(isNew(merged.contexts)))
    }
    const wanted = context ?? current
    const names = merged.getContexts().map(({ name }) => `'${name}'`)
    if (wanted === undefined || !merged.getContextObject(wanted)) {
      const seen = wanted === undefined ? 'no current context' : `no context '${wanted}'`
      throw new PulltraceError(Code.Invalid, `kubeconfig ${files} has ${seen}; it has ${names.join(', ') || 'none'}`, {
        fix: 'name a context that is there, or run `kubectl config use-context NAME`',
      })
    }
    merged.setCurrentContext(wanted)
    tellPlugin(merged.getCurrentUser()?.exec)
    if (!merged.getCurrentCluster()) {
      throw new PulltraceError(
        Code.Invalid,
        `kubeconfig ${files}: context '${wanted}' names a cluster that is not there`,
      )
    }
    return merged
  }
}

interface Exec {
  readonly apiVersion?: string
  env?: { name: string; value: string }[]
}

/** Plugins are asked in this variable, which some insist on and client-node does not set. */
function tellPlugin(exec: Exec | undefined): void {
  if (!exec) return
  const ask = { apiVersion: exec.apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
  exec.env = [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(ask) }]
}
