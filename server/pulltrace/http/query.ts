import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** How the text of one parameter becomes a value. Throws an Error whose message completes "must be ...". */
export type Parameter<T> = (text: string) => T

type Parameters = Readonly<Record<string, Parameter<unknown>>>
type Values<P extends Parameters> = { readonly [K in keyof P]?: P[K] extends Parameter<infer T> ? T : never }

/** Not Koa's `ctx.URL`: that is made with the Host header, and has no query when a client sends a bad one. */
export const queryOf = (ctx: Context): URLSearchParams => new URLSearchParams(ctx.querystring)

/**
 * Reads a query string by a table of what is known. A parameter that is unknown, given twice
 * or out of its bounds is refused: a filter that is dropped in silence shows the wrong thing.
 * `elsewhere` names parameters that another reader of the same query checks.
 */
export function parseQuery<P extends Parameters>(
  query: URLSearchParams,
  parameters: P,
  elsewhere: readonly string[] = [],
): Values<P> {
  const values: Record<string, unknown> = {}
  for (const [name, text] of query) {
    if (elsewhere.includes(name)) continue
    const parse = Object.hasOwn(parameters, name) ? parameters[name] : undefined
    if (parse === undefined) throw unknownParameter(name, [...elsewhere, ...Object.keys(parameters)])
    if (Object.hasOwn(values, name)) throw badParameter(name, 'given once', 'several')
    // `?state=` means the same as leaving it out, as forms send empty fields.
    if (text === '') continue
    try {
      values[name] = parse(text)
    } catch (reason) {
      throw badParameter(name, (reason as Error).message, text)
    }
  }
  return values as Values<P>
}

export function badParameter(name: string, bound: string, value: string): PulltraceError {
  const seen = `'${value.slice(0, 80)}'`
  return new PulltraceError(Code.Invalid, `\`${name}\` must be ${bound}, got ${seen}`, { path: name, bound, seen })
}

function unknownParameter(name: string, known: readonly string[]): PulltraceError {
  const bound = known.length === 0 ? 'absent: there are no parameters here' : `one of ${known.join(', ')}`
  const path = name.slice(0, 80)
  return new PulltraceError(Code.Invalid, `\`${path}\` is not a parameter here; it must be ${bound}`, { path, bound })
}

export const limit =
  (max: number): Parameter<number> =>
  text => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < 1 || value > max) throw new Error(`an integer from 1 to ${max}`)
    return value
  }

export const choice =
  <const T extends readonly string[]>(choices: T): Parameter<T[number]> =>
  text => {
    if (!choices.includes(text)) throw new Error(`one of ${choices.map(name => `'${name}'`).join(', ')}`)
    return text as T[number]
  }

export const plainText: Parameter<string> = text => {
  if (text.length > 1024) throw new Error('at most 1024 characters long')
  return text
}

/** A date ('2026-11-21') or an RFC 3339 time, as epoch ms. */
export const time: Parameter<number> = text => {
  const ms = /^\d{4}-\d\d-\d\d([Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  if (Number.isNaN(ms)) throw new Error("a date or an RFC 3339 time such as '2026-11-21T10:00:00Z'")
  return ms
}

export const flag: Parameter<boolean> = text => choice(['true', 'false'])(text) === 'true'

/** Cursors are opaque to clients; inside they are a JSON array of strings and numbers, first its kind. */
export function cursorOf(...parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

export function cursorParts(text: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(parts)) return parts
  } catch {
    // Answered below: whatever is wrong with it, the cursor is not ours.
  }
  throw badCursor(text)
}

export const badCursor = (text: string) => badParameter('cursor', 'a `nextCursor` of an earlier answer', text)
