import type { KubeApi } from '../../core/kube/kube-api.ts'
import type { Clock } from '../../core/lib/clock.ts'
import type { Secret } from '../../core/lib/secret.ts'
import type { Env } from '../../core/lib/settings.ts'
import { type Api, createApi } from '../api.ts'
import { type ClientOptions, loadClientConfig } from '../config.ts'
import { trust } from '../trust.ts'
import { type KubeOptions, openCluster } from './open-cluster.ts'
import { createTunnelApi } from './tunnel-api.ts'

export type SourceOptions = ClientOptions & KubeOptions

export interface Source {
  readonly api: Api
  /** The namespace whose pulls are asked for; undefined: all. */
  readonly namespace: string | undefined
  /** Whether the user named it, or all. */
  readonly namespaceAsked: boolean
}

/** The server by its URL where one is named, or where no cluster is meant; else through the cluster of a kubeconfig. */
export async function openSource(options: SourceOptions, viaCluster: boolean, env: Env, clock: Clock): Promise<Source> {
  const { namespace, allNamespaces = false } = options
  const { server, caFile, token } = loadClientConfig(env, options)
  await trust(caFile)
  // As for kubectl, -A wins over -n.
  const wanted = (otherwise?: string) => (allNamespaces ? undefined : (namespace ?? otherwise))
  if (!viaCluster || isServerNamed(options, env)) {
    return { api: createApi(server, token), namespace: wanted(), namespaceAsked: true }
  }
  const kube = await openCluster(options, env)
  return {
    api: tunnel(kube, options, token, clock),
    namespace: wanted(kube.namespace),
    namespaceAsked: allNamespaces || namespace !== undefined,
  }
}

export interface ClusterSource {
  readonly kube: KubeApi
  readonly api: Api
  readonly namespace: string
}

/** Cluster and server, for what needs both. Does not connect. */
export async function openClusterSource(options: SourceOptions, env: Env, clock: Clock): Promise<ClusterSource> {
  const { server, caFile, token } = loadClientConfig(env, options)
  await trust(caFile)
  const kube = await openCluster(options, env)
  const api = isServerNamed(options, env) ? createApi(server, token) : tunnel(kube, options, token, clock)
  return { kube, api, namespace: options.namespace ?? kube.namespace }
}

const isServerNamed = ({ server }: ClientOptions, env: Env) =>
  server !== undefined || Boolean(env['PULLTRACE_SERVER_URL'])

function tunnel(kube: KubeApi, options: KubeOptions, token: () => Promise<Secret | undefined>, clock: Clock): Api {
  const { pulltraceNamespace: namespace = 'pulltrace-system' } = options
  return createTunnelApi({ kube, namespace, agentNamespace: 'pulltrace-agents', token, clock })
}
