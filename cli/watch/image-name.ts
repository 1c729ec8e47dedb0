import cliTruncate from 'cli-truncate'
import stringWidth from 'string-width'
import { harmless } from '../../core/lib/harmless.ts'

/**
 * An image reference in at most `width` columns. What tells images apart stays longest: the last
 * part of the name and the tag or digest. Never longer than it need be: Docker Hub's implied
 * `docker.io/library/` and all but twelve characters of a digest are left out at once.
 */
export function imageName(imageRef: string, width: number): string {
  const { host, path, name, tag, digest } = partsOf(harmless(imageRef))
  const version = tag || (digest && `@${clip(digest, 12)}`)
  const short = tag || (digest && `@${clip(digest, 7)}`)
  const candidates = [
    `${host}${path}${name}${tag}${digest && `@${clip(digest, 12)}`}`,
    `${host}${path}${name}${version}`,
    ...(host + path === '' ? [] : [...pathTails(path).map(tail => `…/${tail}${name}${short}`), `${name}${short}`]),
    `${name}${short}`,
  ]
  const fitting = candidates.find(candidate => stringWidth(candidate) <= width)
  if (fitting !== undefined) return fitting
  const room = width - stringWidth(short)
  const joined = room >= 4 ? `${cut(name, room)}${short}` : cut(`${name}${short}`, width, 'middle')
  // Characters may join where the parts meet.
  return stringWidth(joined) <= width ? joined : cut(joined, width)
}

/** The first characters; a cut may leave half a character, which shows as such. */
const clip = (text: string, length: number) => harmless(text.slice(0, length))

/** Cut to `width` columns, `…` where something is missing. */
export function cut(text: string, width: number, position: 'end' | 'middle' = 'end'): string {
  // The two packages count some odd sequences (half a flag, jamo) differently: string-width is the judge.
  for (let columns = width; columns >= 1; columns--) {
    const short = cliTruncate(text, columns, { position })
    if (stringWidth(short) <= width) return short
  }
  return ''
}

/** Shorter and shorter ends of a path: `a/b/` -> `a/b/`, `b/`. */
function pathTails(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => `${parts.slice(index).join('/')}/`)
}

interface Parts {
  readonly host: string
  readonly path: string
  readonly name: string
  readonly tag: string
  readonly digest: string
}

/** Splits only; a reference that is none comes out as its name. Each part carries its separators. */
function partsOf(ref: string): Parts {
  const [named = '', digestText = ''] = ref.split('@', 2)
  const slash = named.lastIndexOf('/')
  const colon = named.lastIndexOf(':')
  const tagged = colon > slash
  const repository = tagged ? named.slice(0, colon) : named
  const folders = repository.slice(0, repository.lastIndexOf('/') + 1)
  const name = repository.slice(folders.length)
  const first = folders.slice(0, folders.indexOf('/') + 1)
  // As in Docker's grammar: the first part is a host when it looks like one.
  const hosted = /[.:]/.test(first) || first === 'localhost/'
  const host = hosted ? first : ''
  const path = folders.slice(host.length)
  const hub = host === 'docker.io/'
  return {
    host: hub ? '' : host,
    path: hub && path === 'library/' ? '' : path,
    name,
    tag: tagged ? named.slice(colon) : '',
    digest: digestText.replace(/^[a-z0-9]+:/, ''),
  }
}
