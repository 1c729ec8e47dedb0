import { parseDurationMs } from '../../../../core/lib/duration.ts'
import { seenOf } from '../../../../core/lib/seen.ts'
import { tagFault } from '../../../../core/rules/scope.ts'

/** Reads one option, given as a value or as the text of a variable; throws what completes "X must be ...". */
export type Reader<T> = (value: unknown) => T

const fail = (bound: string): never => {
  throw new Error(bound)
}

/** Go's durations, and plain seconds as number or text. */
export const duration =
  (minMs: number, maxMs: number, bounds: string): Reader<number> =>
  value => {
    const seconds = typeof value === 'number' || (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value))
    const ms = seconds ? Number(value) * 1_000 : typeof value === 'string' ? parseDurationMs(value) : undefined
    if (ms === undefined || !(ms >= minMs && ms <= maxMs)) {
      return fail(`a duration such as '30s', or seconds, from ${bounds}`)
    }
    return Math.round(ms)
  }

export const integer =
  (min: number, max: number): Reader<number> =>
  value => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (!Number.isInteger(number) || (number as number) < min || (number as number) > max) {
      return fail(`an integer from ${min} to ${max}`)
    }
    return number as number
  }

const words: Readonly<Record<string, boolean>> = { true: true, '1': true, false: false, '0': false }

export const boolean: Reader<boolean> = value => {
  if (typeof value === 'boolean') return value
  return (typeof value === 'string' ? words[value.toLowerCase()] : undefined) ?? fail("'true' or 'false'")
}

/** `later`: what such software also has and this version has not. */
export const oneOf =
  <const T extends readonly string[]>(choices: T, later: readonly string[] = []): Reader<T[number]> =>
  value => {
    const all = choices.map(choice => `'${choice}'`).join(', ')
    if (later.includes(value as string)) return fail(`${all}: '${value}' is not available yet`)
    return choices.includes(value as string) ? (value as T[number]) : fail(`one of ${all}`)
  }

export const apiUrl: Reader<URL> = value => {
  const parsed = value instanceof URL ? value : URL.canParse(String(value)) ? new URL(String(value)) : undefined
  const good =
    parsed &&
    (parsed.protocol === 'http:' || parsed.protocol === 'https:') &&
    parsed.pathname === '/' &&
    parsed.search === '' &&
    parsed.hash === '' &&
    parsed.username === '' &&
    parsed.password === ''
  return good ? parsed : fail("an http or https URL without path and user, such as 'http://tk-sensor-api:50051'")
}

export const maxTags = 64

/** A list, or text with commas; duplicates are removed. */
export const tags: Reader<readonly string[]> = value => {
  const list = typeof value === 'string' ? value.split(',').map(tag => tag.trim()) : value
  if (!Array.isArray(list)) return fail('a list of tags')
  const unique = [...new Set(list.filter(tag => tag !== ''))] as string[]
  for (const tag of unique) {
    const fault = typeof tag === 'string' ? tagFault(tag) : 'must be a string'
    if (fault !== undefined) return fail(`a list of tags: ${seenOf(tag)} ${fault}`)
  }
  return unique.length <= maxTags ? unique : fail(`a list of at most ${maxTags} tags: there are ${unique.length}`)
}

/** What a metadata value, an HTTP header, can carry. The value is never in the message. */
export const apiKey: Reader<string> = value =>
  typeof value === 'string' && /^[\x21-\x7e]{1,1024}$/.test(value.trim())
    ? value.trim()
    : fail('an API key: 1 to 1024 characters of ASCII without spaces')

export const certificates: Reader<Buffer> = value => {
  const pem =
    typeof value === 'string' ? Buffer.from(value) : value instanceof Uint8Array ? Buffer.from(value) : undefined
  return pem?.includes('-----BEGIN CERTIFICATE-----') ? pem : fail('certificates as PEM text')
}
