import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import Format from 'typebox/format'
import { Code, PulltraceError } from '../lib/errors.ts'
import { seenOf } from '../lib/seen.ts'

/**
 * `date-time` here also means that Date can hold it and write it again: RFC 3339 allows a leap second
 * (23:59:60), which Date.parse answers with NaN, and an offset that leads out of the years 0000 to 9999.
 */
const dateTime = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/
const rfc3339 = Format.Get('date-time')
const firstMs = Date.parse('0000-01-01T00:00:00Z')
const lastMs = Date.parse('9999-12-31T23:59:59.999Z')
const isTime = (text: string) => dateTime.test(text) && rfc3339!(text) && isWithinYears(Date.parse(text))
const isWithinYears = (ms: number) => ms >= firstMs && ms <= lastMs

/** Times found good lately. A report repeats the start of every pull, and checking one costs ten times a look here. */
const goodTimes = new Set<string>()
const maxGoodTimes = 50_000
Format.Set('date-time', text => {
  if (goodTimes.has(text)) return true
  if (!isTime(text)) return false
  if (goodTimes.size >= maxGoodTimes) goodTimes.clear()
  goodTimes.add(text)
  return true
})

export const Timestamp = (description: string) => Type.String({ format: 'date-time', maxLength: 40, description })
export const Bytes = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: `${description} Unit: bytes.` })
export const Count = (description: string) =>
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description })
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export interface Validator<T> {
  /** The value itself, typed; throws Code.Invalid naming the first fault: path, bound, value seen. */
  parse(value: unknown): T
  /** Every fault of the value, for input that a person mends in one go. */
  faults(value: unknown): readonly Fault[]
}

export interface Fault {
  readonly path: string
  readonly bound: string
  readonly seen: string
  readonly message: string
}

/** Compiles once. `what` names the input in messages, as its writer would: 'report', 'PulltraceConfig'. */
export function validatorOf<S extends TSchema>(what: string, schema: S): Validator<Static<S>> {
  const compiled = Compile(schema)
  const faults = (value: unknown): Fault[] => {
    const all = compiled.Errors(value) as unknown as SchemaFault[]
    // `anyOf` repeats the faults of its branches: the longest path says where, the plainest keyword says why.
    return all.map(fault => faultOf(what, value, fault))
  }
  return {
    parse(value) {
      if (compiled.Check(value)) return value as Static<S>
      const fault = faults(value)[0] ?? {
        path: '',
        bound: `a valid ${what}`,
        seen: seenOf(value),
        message: `${what} is not valid`,
      }
      throw new PulltraceError(Code.Invalid, fault.message, fault)
    },
    faults: value => (compiled.Check(value) ? [] : faults(value)),
  }
}

interface SchemaFault {
  readonly keyword: string
  readonly instancePath: string
  readonly params: Record<string, unknown>
  readonly message: string
}

function faultOf(what: string, root: unknown, { keyword, instancePath, params, message }: SchemaFault): Fault {
  const pointer = instancePath.split('/').slice(1).map(unescapePointer)
  const missing = keyword === 'required' ? (params['requiredProperties'] as string[] | undefined)?.[0] : undefined
  const path = pathOf(missing === undefined ? pointer : [...pointer, missing])
  const seen = missing === undefined ? seenOf(valueAt(root, pointer)) : 'nothing'
  const bound = missing === undefined ? boundOf(keyword, params, message) : 'present'
  return { path, bound, seen, message: `${path === '' ? what : `\`${path}\``} must be ${bound}, got ${seen}` }
}

const unescapePointer = (token: string) => token.replaceAll('~1', '/').replaceAll('~0', '~')

/** `['pulls', '2', 'imageRef']` as a person writes it: `pulls[2].imageRef`. */
function pathOf(tokens: readonly string[]): string {
  return tokens.map((token, index) => (/^\d+$/.test(token) ? `[${token}]` : index === 0 ? token : `.${token}`)).join('')
}

function valueAt(root: unknown, tokens: readonly string[]): unknown {
  return tokens.reduce<unknown>((value, token) => (value as Record<string, unknown> | undefined)?.[token], root)
}

function boundOf(keyword: string, params: Record<string, unknown>, message: string): string {
  const limit = params['limit']
  switch (keyword) {
    case 'type':
      return params['type'] === 'integer' ? 'an integer' : `of type ${params['type']}`
    case 'minimum':
      return `greater than or equal to ${limit}`
    case 'maximum':
      return `less than or equal to ${limit}`
    case 'minLength':
      return `at least ${limit} characters long`
    case 'maxLength':
      return `at most ${limit} characters long`
    case 'minItems':
      return `at least ${limit} items long`
    case 'maxItems':
      return `at most ${limit} items long`
    case 'uniqueItems':
      return 'without duplicates'
    case 'format':
      return params['format'] === 'date-time'
        ? "an RFC 3339 time such as '2026-11-21T10:00:00Z'"
        : `a valid ${params['format']}`
    case 'pattern':
      return `text that matches ${params['pattern']}`
    case 'enum':
      return `one of ${(params['allowedValues'] as unknown[]).map(value => `'${value}'`).join(', ')}`
    case 'const':
      return `'${params['allowedValue']}'`
    case 'additionalProperties':
      return `without unknown fields (${(params['additionalProperties'] as string[] | undefined)?.join(', ')})`
    default:
      return message.replace(/^must be /, '').replace(/^must /, 'such that it must ')
  }
}
