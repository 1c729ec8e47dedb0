/** An image reference in the form the runtime records: host, path, and one of tag and digest. */
export interface ImageRef {
  /** `docker.io/library/nginx:1.27`, or with `@sha256:…`. */
  readonly name: string
  /** `registry.example.com/team/app`: without the port, which containerd's labels do not have either. */
  readonly repository: string
  readonly tag: string | undefined
  readonly digest: string | undefined
}

const longest = 1024
const tagOf = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const digestOf = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-f]{32,}$/
const hostOf = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/
const pathOf = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

/**
 * What a pod's spec says, completed as the container runtime does it (distribution/reference, ParseDockerRef):
 * `nginx` is `docker.io/library/nginx:latest`, and of tag and digest the digest stands. Undefined: no reference.
 */
export function parseImageRef(text: string): ImageRef | undefined {
  if (text.length > longest) return undefined
  const [named = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !digestOf.test(digest))) return undefined
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const tag = tagged ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !tagOf.test(tag)) return undefined
  const { host, path } = completed(tagged ? named.slice(0, colon) : named)
  if (!hostOf.test(host) || !pathOf.test(path)) return undefined
  const repository = `${withoutPort(host)}/${path}`
  if (digest !== undefined) return { name: `${host}/${path}@${digest}`, repository, tag: undefined, digest }
  const known = tag ?? 'latest'
  return { name: `${host}/${path}:${known}`, repository, tag: known, digest: undefined }
}

function completed(name: string): { readonly host: string; readonly path: string } {
  const slash = name.indexOf('/')
  const first = slash < 0 ? '' : name.slice(0, slash)
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first
  const host = isHost ? first : 'docker.io'
  const path = isHost ? name.slice(slash + 1) : name
  const hub = host === 'docker.io' || host === 'index.docker.io'
  return { host: hub ? 'docker.io' : host, path: hub && !path.includes('/') ? `library/${path}` : path }
}

const withoutPort = (host: string) => host.replace(/:\d+$/, '')
