import type { Env } from '../lib/settings.ts'
import type { Cluster, Credentials } from './cluster.ts'
import { type Answered, type Call, KubeHttp } from './http.ts'
import { openInCluster } from './in-cluster.ts'
import { isNotFound } from './kube-error.ts'
import type {
  KubeObject,
  Resource,
  V1SubjectAccessReviewSpec,
  V1SubjectAccessReviewStatus,
  V1TokenReviewStatus,
} from './objects.ts'
import { type Query, queryOf, resourcePath } from './path.ts'

export interface At {
  /** For what is in a namespace: absent means `KubeApi.namespace`. */
  readonly namespace?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ListQuery {
  /** Absent: of all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly limit?: number | undefined
  readonly continue?: string | undefined
  readonly resourceVersion?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface WatchQuery {
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  readonly resourceVersion: string
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
}

export interface List<T> {
  readonly items: T[]
  readonly resourceVersion: string
  /** Present when there is more. */
  readonly continue?: string | undefined
}

export interface ApplyOptions {
  readonly fieldManager: string
  /** Takes fields that others own. Without it that is a 409. */
  readonly force?: boolean
  readonly subresource?: 'status'
  readonly signal?: AbortSignal | undefined
}

export interface DeleteOptions extends At {
  /** Only the object with this UID, not one that has since got its name. */
  readonly uid?: string | undefined
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
}

/**
 * One API server. Objects come and go as JSON; nothing is validated here, as that is the API server's job. Calls
 * reject with a KubeError within 10 s (lists 30 s), or with the signal's reason; none is repeated after an answer
 * other than 401, so that the one who knows what it costs decides.
 */
export interface KubeApi {
  readonly serverUrl: string
  /** Of this pod, or of the kubeconfig's context. */
  readonly namespace: string
  get<T extends KubeObject>(resource: Resource<T>, name: string, at?: At): Promise<T | undefined>
  /** One page. */
  list<T extends KubeObject>(resource: Resource<T>, query?: ListQuery): Promise<List<T>>
  create<T extends KubeObject>(resource: Resource<T>, object: T, at?: At): Promise<T>
  /** Server-side apply: afterwards the fields in `object` have these values and this manager, others are as they were. */
  apply<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<T>
  /** PUT: rejects with a conflict when `metadata.resourceVersion` is there and old. */
  replace<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options?: { readonly subresource?: 'status'; readonly signal?: AbortSignal | undefined },
  ): Promise<T>
  /** An object that is not there is fine; one with another UID than asked for is a conflict. */
  delete(resource: Resource<KubeObject>, name: string, options?: DeleteOptions): Promise<void>
  /** Raw bytes, until the server ends them or the signal aborts. Only the reflector reads them. */
  watch(resource: Resource<KubeObject>, query: WatchQuery): Promise<AsyncIterable<Uint8Array>>
  tokenReview(token: string, audiences: readonly string[], signal?: AbortSignal): Promise<V1TokenReviewStatus>
  subjectAccessReview(spec: V1SubjectAccessReviewSpec, signal?: AbortSignal): Promise<V1SubjectAccessReviewStatus>
  createToken(
    namespace: string,
    serviceAccount: string,
    options: { readonly audiences: readonly string[]; readonly expirationSeconds: number },
    signal?: AbortSignal,
  ): Promise<{ token: string; expiresAt: string }>
  /** For what is not a call: a port-forward's WebSocket, or who we are to somebody else. */
  credentials(): Promise<Credentials>
  /** Closes idle connections. Calls under way go on. */
  close(): void
}

export interface KubeApiOptions {
  /** One file or several, as in $KUBECONFIG. Absent or empty: the cluster that this pod runs in. */
  readonly kubeconfigFile?: string | undefined
  readonly context?: string | undefined
  readonly userAgent: string
  readonly answered?: Answered | undefined
  /** Where a pod finds its API server. */
  readonly env?: Env
}

/** Rejects when the kubeconfig is no good, or this is no pod. Does not connect. */
export async function openKubeApi(options: KubeApiOptions): Promise<KubeApi> {
  return kubeApiOf(await openCluster(options), options)
}

async function openCluster({ kubeconfigFile, context, env = process.env }: KubeApiOptions): Promise<Cluster> {
  if (!kubeconfigFile) return openInCluster(env)
  const { openKubeconfig } = await import('./kubeconfig.ts')
  return openKubeconfig(kubeconfigFile, context)
}

const callMs = 10_000
const listMs = 30_000
/** A server that must first catch up with the version asked for answers late. */
const watchHeadMs = 30_000

export function kubeApiOf(cluster: Cluster, options: { userAgent: string; answered?: Answered | undefined }): KubeApi {
  const http = new KubeHttp(cluster, options)
  const call = async <T>(
    method: Call['method'],
    path: string,
    rest: Partial<Omit<Call, 'method' | 'path'>> = {},
  ): Promise<T> => (await http.json({ deadlineMs: callMs, ...rest, method, path })) as T

  const pathOf = (
    resource: Resource<KubeObject>,
    name: string | undefined,
    at: At,
    subresource?: string,
    query?: Query,
  ) => resourcePath(resource, { namespace: at.namespace ?? cluster.namespace, name, subresource }) + queryOf(query)

  const placeOf = (object: KubeObject, at: At = {}): At => ({
    ...at,
    namespace: at.namespace ?? object.metadata?.namespace,
  })

  const review = async <T>(group: string, kind: string, plural: string, spec: unknown, signal?: AbortSignal) => {
    const path = `/apis/${group}/${plural}`
    const body = { apiVersion: group, kind, spec }
    return (await call<{ status: T }>('POST', path, { body, signal })).status
  }

  return {
    serverUrl: cluster.serverUrl,
    namespace: cluster.namespace,
    async get(resource, name, at = {}) {
      try {
        return await call('GET', pathOf(resource, name, at), { signal: at.signal })
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    },
    async list<T extends KubeObject>(resource: Resource<T>, { namespace, signal, ...query }: ListQuery = {}) {
      const { items, metadata } = await call<{
        items?: T[] | null
        metadata?: { resourceVersion?: string; continue?: string }
      }>('GET', resourcePath(resource, { namespace }) + queryOf(query), { signal, deadlineMs: listMs })
      return {
        items: items ?? [],
        resourceVersion: metadata?.resourceVersion ?? '',
        continue: metadata?.continue || undefined,
      }
    },
    create: (resource, object, at) =>
      call('POST', pathOf(resource, undefined, placeOf(object, at)), {
        body: named(resource, object),
        signal: at?.signal,
      }),
    apply: (resource, object, { fieldManager, force = false, subresource, signal }) =>
      call('PATCH', pathOf(resource, nameOf(object), placeOf(object), subresource, { fieldManager, force }), {
        // JSON is YAML, and this type is known to every API server that can apply; its JSON one came later.
        contentType: 'application/apply-patch+yaml',
        body: named(resource, object),
        signal,
      }),
    replace: (resource, object, { subresource, signal } = {}) =>
      call('PUT', pathOf(resource, nameOf(object), placeOf(object), subresource), {
        body: named(resource, object),
        signal,
      }),
    async delete(resource, name, { uid, propagationPolicy, ...at } = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(uid !== undefined && { preconditions: { uid } }),
        ...(propagationPolicy && { propagationPolicy }),
      }
      try {
        await call('DELETE', pathOf(resource, name, at), { body, signal: at.signal })
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    },
    watch: (resource, { namespace, signal, ...query }) =>
      http.stream({
        method: 'GET',
        path: resourcePath(resource, { namespace }) + queryOf({ watch: true, allowWatchBookmarks: true, ...query }),
        deadlineMs: watchHeadMs,
        signal,
      }),
    tokenReview: (token, audiences, signal) =>
      review('authentication.k8s.io/v1', 'TokenReview', 'tokenreviews', { token, audiences }, signal),
    subjectAccessReview: (spec, signal) =>
      review('authorization.k8s.io/v1', 'SubjectAccessReview', 'subjectaccessreviews', spec, signal),
    async createToken(namespace, serviceAccount, spec, signal) {
      const accounts = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true }
      const answer = await call<{ status: { token: string; expirationTimestamp: string } }>(
        'POST',
        resourcePath(accounts, { namespace, name: serviceAccount, subresource: 'token' }),
        { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }, signal },
      )
      return { token: answer.status.token, expiresAt: answer.status.expirationTimestamp }
    },
    credentials: () => cluster.credentials(),
    close: () => http.close(),
  }
}

/** Apply insists on both, and what came out of a list has neither. */
const named = <T extends KubeObject>({ apiVersion, kind }: Resource<T>, object: T) => ({ ...object, apiVersion, kind })

function nameOf({ metadata }: KubeObject): string {
  if (!metadata?.name) throw new TypeError('metadata.name must be a non-empty string')
  return metadata.name
}
