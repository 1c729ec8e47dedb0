import { Code, PulltraceError } from '../lib/errors.ts'
import type { FieldPath, PathSegment } from './rule.ts'

/** What may stand without quotes: no dot, bracket, quote, star, blank or control character. */
const bareKey = /^[^.[\]"*\s\p{Cc}\p{Cs}]+$/u
const token = /\.?([^.[\]"*\s\p{Cc}\p{Cs}]+)|\[(\d+)\]|(\[\*\])|\[("(?:[^"\\]|\\.)*")\]/suy

/** A path as people write it: `a.b`, `a[3].b`, `readings[*].temp`, `labels["app.kubernetes.io/name"]`. */
export function formatPath(path: FieldPath): string {
  return path.map(formatSegment).join('')
}

function formatSegment(segment: PathSegment, index: number): string {
  if (typeof segment === 'number') return `[${segment}]`
  if (segment === '*') return '[*]'
  const key = typeof segment === 'string' ? segment : segment.key
  if (!bareKey.test(key)) return `[${JSON.stringify(key)}]`
  return index === 0 ? key : `.${key}`
}

/**
 * Reads the written form; bounds are the rule's business (parse.ts).
 *
 * @throws Code.Invalid, with the place at which it cannot go on.
 */
export function parsePath(text: string): FieldPath {
  const path: PathSegment[] = []
  let at = 0
  while (at < text.length) {
    token.lastIndex = at
    const match = token.exec(text)
    // A dot parts two segments: it neither begins a path nor is left out between two keys.
    const dotted = text[at] === '.'
    if (!match || (match[1] !== undefined && dotted !== at > 0)) throw unreadable(text, at)
    const [, key, index, wildcard, quoted] = match
    if (key !== undefined) path.push(key)
    else if (index !== undefined) path.push(Number(index))
    else if (wildcard !== undefined) path.push('*')
    else path.push(quotedKey(text, at, quoted!))
    at = token.lastIndex
  }
  if (path.length === 0) throw unreadable(text, 0)
  return path
}

function quotedKey(text: string, at: number, quoted: string): PathSegment {
  try {
    const key = JSON.parse(quoted) as string
    return key === '*' ? { key } : key
  } catch {
    throw unreadable(text, at)
  }
}

function unreadable(text: string, at: number): PulltraceError {
  const place = text === '' ? 'it is empty' : at === text.length ? 'it ends too early' : `character ${at + 1} is wrong`
  return new PulltraceError(Code.Invalid, `a field path must be as in 'a.b[3].c[*]', and ${place}`, {
    bound: 'keys parted by dots, [3] for an index, [*] for every element, and quotes for other keys: \'a["x.y"]\'',
    seen: text.length > 80 ? `${text.slice(0, 80)}…` : text,
    fix: text[at] === '*' || text.startsWith('.*', at) ? 'write [*] for every element, or ["*"] for a key' : undefined,
  })
}
