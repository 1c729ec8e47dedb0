import type { IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Which requests: by kind, or all of one digest or tag. Default every request. */
  readonly when?: 'manifest' | 'blob' | { readonly reference: string }
  /** How often; default always. */
  readonly times?: number
  /** Only after a manifest was served through this proxy. */
  readonly afterManifest?: boolean
}

export interface ServedRequest {
  readonly atMs: number
  readonly method: string
  readonly path: string
  readonly kind: 'manifest' | 'blob' | 'other'
  /** Digest or tag. */
  readonly reference: string
  /** Where in the blob this answer starts (a Range request). */
  offset: number
  status: number
  /** Bytes of the body sent so far. */
  sentBytes: number
  /** Set when the answer ended as it should. */
  complete: boolean
}

export function servedOf(request: IncomingMessage): ServedRequest {
  const path = request.url ?? '/'
  const [, kind, reference = ''] = /^\/v2\/.+\/(manifest|blob)s\/([^/?]+)$/.exec(path) ?? []
  return {
    atMs: Date.now(),
    method: request.method ?? 'GET',
    path,
    kind: kind === 'manifest' || kind === 'blob' ? kind : 'other',
    reference,
    offset: Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0),
    status: 0,
    sentBytes: 0,
    complete: false,
  }
}

/** Whether the rule is for this request. `manifestServed`: one went through the proxy before. */
export const ruleFits = ({ when, afterManifest }: Answer, served: ServedRequest, manifestServed: boolean): boolean =>
  (!afterManifest || manifestServed) &&
  (when === undefined || (typeof when === 'string' ? when === served.kind : when.reference === served.reference))

/** A 401 without a challenge is not one that clients understand. */
export const challengeOf = (status: number): Record<string, string> =>
  status === 401 ? { 'www-authenticate': 'Basic realm="registry"' } : {}
