import { applyFields, leaves, type Managers } from './apply.fake.ts'
import type { ObjectHistory } from './object-history.fake.ts'
import { type KubeObject, keyOf } from './objects.ts'
import type { Place } from './place.fake.ts'
import { matches } from './selectors.fake.ts'

export interface Refusal {
  readonly status: number
  readonly reason?: string
  readonly message?: string
  readonly retryAfterSeconds?: number
}

export type Answer = { readonly status: number; readonly body: unknown } | Refusal

/** What an API server does with a request about objects, short of a watch. */
export class ObjectRequests {
  readonly #objects: ObjectHistory
  readonly #managers = new Map<string, Managers>()
  readonly #pages = new Map<string, { readonly version: number; readonly rest: KubeObject[] }>()

  constructor(objects: ObjectHistory) {
    this.#objects = objects
  }

  answer(method: string, place: Place, body: KubeObject | undefined, query: URLSearchParams): Answer {
    if (method === 'GET') return place.name === undefined ? this.#list(place, query) : this.#get(place)
    if (method === 'DELETE') return this.#delete(place, body)
    if (method === 'POST') return this.#create(place, body!)
    if (method === 'PUT') return this.#replace(place, body!)
    if (method === 'PATCH') return this.#apply(place, body!, query)
    return { status: 405, reason: 'MethodNotAllowed' }
  }

  #get({ kind, key }: Place): Answer {
    const object = this.#objects.get(kind, key)
    return object ? { status: 200, body: object } : notFound(kind, key)
  }

  #list(place: Place, query: URLSearchParams): Answer {
    const token = query.get('continue')
    let page = token === null ? undefined : this.#pages.get(token)
    if (token !== null && (!page || page.version < this.#objects.forgottenVersion)) return gone
    page ??= { version: this.#objects.version, rest: this.#objects.all(place.kind).filter(isAskedFor(place, query)) }
    const limit = Number(query.get('limit') ?? 0) || page.rest.length
    const items = page.rest.slice(0, limit)
    const rest = page.rest.slice(limit)
    const next = rest.length > 0 ? `page-${this.#pages.size + 1}` : undefined
    if (next) this.#pages.set(next, { version: page.version, rest })
    const metadata = { resourceVersion: String(page.version), ...(next && { continue: next }) }
    return { status: 200, body: { apiVersion: place.apiVersion, kind: `${place.kindName}List`, metadata, items } }
  }

  #create({ kind, namespace }: Place, body: KubeObject): Answer {
    const { generateName } = body.metadata ?? {}
    const name = body.metadata?.name ?? `${generateName}${Math.random().toString(36).slice(2, 7)}`
    const object = { ...body, metadata: { ...body.metadata, name, ...(namespace !== undefined && { namespace }) } }
    const key = keyOf(object)
    if (this.#objects.get(kind, key)) return { status: 409, reason: 'AlreadyExists', message: key }
    this.#managers.set(`${kind} ${key}`, new Map([['created', new Set(leaves(object).keys())]]))
    return { status: 201, body: this.#objects.put(kind, object) }
  }

  #replace({ kind, key, subresource }: Place, body: KubeObject): Answer {
    const live = this.#objects.get(kind, key)
    if (!live) return notFound(kind, key)
    const wanted = body.metadata?.resourceVersion
    if (wanted !== undefined && wanted !== live.metadata?.resourceVersion) return changed(kind, key)
    const { status } = (subresource === 'status' ? body : live) as { status?: unknown }
    const rest = subresource === 'status' ? live : body
    return { status: 200, body: this.#objects.put(kind, { ...rest, ...(status !== undefined && { status }) }) }
  }

  #apply(place: Place, body: KubeObject, query: URLSearchParams): Answer {
    const { kind, key, namespace, subresource } = place
    const live = this.#objects.get(kind, key)
    if (!live && subresource) return notFound(kind, key)
    const manager = query.get('fieldManager')
    if (!manager) return { status: 400, message: 'fieldManager is required for apply patch' }
    const { apiVersion, kind: kindName, metadata } = body
    const empty = { apiVersion, kind: kindName, metadata: { name: metadata?.name, ...(namespace && { namespace }) } }
    const managers = this.#managers.get(`${kind} ${key}`) ?? new Map()
    const owner = `${manager} ${subresource ?? ''}`
    const { status, ...rest } = body as KubeObject & { status?: unknown }
    const fields = subresource === 'status' ? { status } : rest
    const applied = applyFields({ ...(live ?? empty) }, { ...fields }, owner, managers, query.get('force') === 'true')
    if (applied.conflicts.length > 0) {
      const message = `Apply failed with ${applied.conflicts.length} conflicts: ${JSON.stringify(applied.conflicts)}`
      return { status: 409, reason: 'Conflict', message }
    }
    this.#managers.set(`${kind} ${key}`, managers)
    return { status: live ? 200 : 201, body: this.#objects.put(kind, applied.object) }
  }

  #delete({ kind, key }: Place, body: KubeObject | undefined): Answer {
    const live = this.#objects.get(kind, key)
    if (!live) return notFound(kind, key)
    const { uid } = (body as { preconditions?: { uid?: string } } | undefined)?.preconditions ?? {}
    if (uid !== undefined && uid !== live.metadata?.uid) return changed(kind, key)
    this.#managers.delete(`${kind} ${key}`)
    return { status: 200, body: this.#objects.remove(kind, key) }
  }
}

export const gone: Refusal = { status: 410, reason: 'Expired', message: 'too old resource version' }

const notFound = (kind: string, key: string): Refusal => ({
  status: 404,
  reason: 'NotFound',
  message: `${kind} ${key}`,
})

const changed = (kind: string, key: string): Refusal => ({
  status: 409,
  reason: 'Conflict',
  message: `${kind} ${key}: the object has been modified`,
})

export const isAskedFor =
  ({ namespace }: Place, query: URLSearchParams) =>
  (object: KubeObject) =>
    (namespace === undefined || object.metadata?.namespace === namespace) &&
    matches(object, query.get('labelSelector'), query.get('fieldSelector'))
