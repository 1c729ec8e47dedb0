import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type KubeApi, kubeApiOf } from './kube-api.ts'
import { ObjectHistory } from './object-history.fake.ts'
import { gone, isAskedFor, ObjectRequests, type Refusal } from './object-requests.fake.ts'
import type { KubeObject, Resource, V1SubjectAccessReviewSpec, V1TokenReviewStatus } from './objects.ts'
import { type Place, placeOf } from './place.fake.ts'
import { Watches } from './watches.fake.ts'

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly watch: boolean
  readonly headers: http.IncomingHttpHeaders
}

/** Instead of the right answer: an error, a cut connection, or none at all. */
export type Fault =
  | {
      readonly status: number
      readonly reason?: string
      readonly message?: string
      readonly retryAfterSeconds?: number
    }
  | 'reset'
  | 'hang'

/**
 * A stand-in for a Kubernetes API server, over real HTTP, for what a real one cannot be asked to do: fail on demand,
 * cut within a character, fall silent. It knows no kinds beyond their names: no defaults, no validation, no garbage
 * collection. It passes the same suite as the real one (conformance.ts).
 */
export class FakeApiServer implements AsyncDisposable {
  readonly objects = new ObjectHistory()
  readonly watches = new Watches(this.objects)
  readonly requests: ReceivedRequest[] = []
  /** Asked for each request, before anything is done. */
  fault: (request: ReceivedRequest) => Fault | undefined = () => undefined
  connected: (socket: Socket) => void = () => {}
  /** Bearer tokens that may call; undefined: all may. */
  callers: ReadonlySet<string> | undefined
  /** How a version that is forgotten is answered when a watch asks for it: servers do both. */
  goneAs: 'http' | 'event' = 'event'
  /** Unless it is replaced: tokens that were made here are good for the audiences they were made for. */
  review: (token: string, audiences: readonly string[]) => V1TokenReviewStatus = (token, audiences) => {
    const made = this.#tokens.get(token)
    const both = audiences.filter(audience => made?.audiences.includes(audience))
    return both.length > 0
      ? { authenticated: true, audiences: both, user: { username: made!.username } }
      : { authenticated: false, error: 'unknown token' }
  }
  may: (spec: V1SubjectAccessReviewSpec) => boolean = () => false
  readonly #requests = new ObjectRequests(this.objects)
  readonly #server = http.createServer((request, response) => void this.#answer(request, response))
  readonly #tokens = new Map<string, { readonly username: string; readonly audiences: readonly string[] }>()

  static async start(port = 0): Promise<FakeApiServer> {
    const fake = new FakeApiServer()
    fake.#server.on('connection', socket => fake.connected(socket))
    fake.#server.listen(port, '127.0.0.1')
    await once(fake.#server, 'listening')
    return fake
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  api(token = 'a-token'): KubeApi {
    const credentials = async () => ({ headers: { authorization: `Bearer ${token}` }, tls: {} })
    return kubeApiOf({ serverUrl: this.url, namespace: 'default', credentials, refused() {} }, { userAgent: 'test' })
  }

  /** For a program under test. */
  writeKubeconfig(file: string, token = 'a-token'): string {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: this.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'fake', user: { token } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace: 'default' } }],
      'current-context': 'fake',
    }
    writeFileSync(file, JSON.stringify(config))
    return file
  }

  /** Creates or replaces, status included, as some other program would. */
  put<T extends KubeObject>(resource: Resource<T>, object: T): T {
    const { apiVersion, kind } = resource
    return this.objects.put(kindOf(resource), { ...object, apiVersion, kind }) as T
  }

  remove(resource: Resource<KubeObject>, key: string): void {
    this.objects.remove(kindOf(resource), key)
  }

  find<T extends KubeObject>(resource: Resource<T>, key: string): T | undefined {
    return this.objects.get(kindOf(resource), key) as T | undefined
  }

  /** Closes all connections; the same port can be opened again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    } catch {
      return // The caller went away, as callers may.
    }
    const url = new URL(request.url ?? '/', this.url)
    const received: ReceivedRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      watch: url.searchParams.get('watch') === 'true',
      headers: request.headers,
    }
    this.requests.push(received)
    const fault = this.fault(received)
    if (fault === 'hang') return
    if (fault === 'reset') {
      request.socket.destroy()
      return
    }
    const bearer = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    if (fault) return refuse(response, fault)
    if (this.callers && !this.callers.has(bearer)) return refuse(response, { status: 401, reason: 'Unauthorized' })
    const body = chunks.length === 0 ? undefined : (JSON.parse(Buffer.concat(chunks).toString()) as KubeObject)
    this.#dispatch(received, body, response)
  }

  #dispatch(
    { method, path, query, watch }: ReceivedRequest,
    body: KubeObject | undefined,
    response: http.ServerResponse,
  ) {
    const place = placeOf(path)
    if (!place) return refuse(response, { status: 404, reason: 'NotFound', message: `no such path: ${path}` })
    const reviewed = this.#reviewOf(place, body)
    if (reviewed) return send(response, 201, { ...body, status: reviewed })
    if (watch) return this.#watch(place, query, response)
    const answer = this.#requests.answer(method, place, body, query)
    if ('body' in answer) send(response, answer.status, answer.body)
    else refuse(response, answer)
  }

  #reviewOf({ kind, namespace, name, subresource }: Place, body: KubeObject | undefined): unknown {
    const { spec } = (body ?? {}) as { spec?: { token: string; audiences: string[] } & V1SubjectAccessReviewSpec }
    if (kind === 'tokenreviews.authentication.k8s.io') return this.review(spec!.token, spec!.audiences)
    if (kind === 'subjectaccessreviews.authorization.k8s.io') return { allowed: this.may(spec!) }
    if (subresource !== 'token') return undefined
    const token = `token-${this.#tokens.size + 1}`
    this.#tokens.set(token, { username: `system:serviceaccount:${namespace}:${name}`, audiences: spec!.audiences })
    return { token, expirationTimestamp: new Date(Date.now() + 3_600_000).toISOString() }
  }

  #watch(place: Place, query: URLSearchParams, response: http.ServerResponse): void {
    const version = Number(query.get('resourceVersion'))
    const isGone = version < this.objects.forgottenVersion
    if (isGone && this.goneAs === 'http') refuse(response, gone)
    else if (isGone) response.end(`${JSON.stringify({ type: 'ERROR', object: statusOf(gone) })}\n`)
    else this.watches.open({ ...place, version, isAskedFor: isAskedFor(place, query), response })
  }
}

const kindOf = ({ apiVersion, plural }: Resource<KubeObject>): string =>
  apiVersion.includes('/') ? `${plural}.${apiVersion.split('/')[0]}` : plural

const statusOf = ({ status, reason = '', message = '' }: Refusal) => ({
  apiVersion: 'v1',
  kind: 'Status',
  status: 'Failure',
  code: status,
  reason,
  message,
})

function send(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse(response: http.ServerResponse, refusal: Refusal): void {
  if (refusal.retryAfterSeconds !== undefined) response.setHeader('retry-after', String(refusal.retryAfterSeconds))
  send(response, refusal.status, statusOf(refusal))
}
