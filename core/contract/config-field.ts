import { type TSchema, type TString, Type } from 'typebox'
import { parseDurationNs } from '../lib/duration.ts'
import { parseQuantity, quantityPattern } from '../lib/quantity.ts'

/** Key under which a field keeps what a person is told about it; a CRD leaves it out. */
export const fieldHelp = 'x-pulltrace-field'

/** Least and most, both inclusive, as they are written. JSON Schema cannot compare them. */
export interface Range {
  readonly min: string
  readonly max: string
}

export interface FieldHelp {
  /** Completes "must be ...". */
  readonly bound: string
  /** A value that is right, as it would be written. */
  readonly example?: string
  readonly duration?: Range
  readonly quantity?: Range
}

/** Gives a field its words: `description` for `kubectl explain`, `bound` and `example` for a fault. */
export function configField<S extends TSchema>(schema: S, help: FieldHelp & { readonly description: string }): S {
  const { description, ...rest } = help
  return { ...schema, description, [fieldHelp]: rest }
}

/** A Go duration from `min` to `max`, both inclusive. */
export function durationField(min: string, max: string, fallback: string | undefined, description: string): TString {
  return configField(
    Type.String({
      pattern: '^([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$',
      maxLength: 32,
      ...(fallback !== undefined && { default: fallback }),
    }),
    {
      description: `${description} From ${min} to ${max}.`,
      bound: `a duration such as '${fallback ?? '30s'}' from ${min} to ${max}`,
      example: fallback ?? '30s',
      duration: { min, max },
    },
  )
}

/** A Kubernetes quantity from `min` to `max`, both inclusive. */
export function quantityField(min: string, max: string, example: string, description: string): TString {
  return configField(Type.String({ pattern: quantityPattern, maxLength: 32 }), {
    description: `${description} From ${min} to ${max}.`,
    bound: `a quantity such as '${example}' from ${min} to ${max}`,
    example,
    quantity: { min, max },
  })
}

/** Whether a text is within the range of its field. A field without one takes every text. */
export function isWithinRange(text: string, { duration, quantity }: FieldHelp): boolean {
  return isBetween(text, duration, parseDurationNs) && isBetween(text, quantity, parseQuantity)
}

function isBetween(
  text: string,
  range: Range | undefined,
  parse: (text: string) => number | bigint | undefined,
): boolean {
  if (range === undefined) return true
  const value = parse(text)
  return value !== undefined && value >= parse(range.min)! && value <= parse(range.max)!
}

const label = '[a-z0-9]([a-z0-9-]*[a-z0-9])?'

/** Name of most Kubernetes objects: a DNS subdomain (RFC 1123). */
export const nameField = (description: string) =>
  configField(Type.String({ pattern: `^${label}(\\.${label})*$`, minLength: 1, maxLength: 253 }), {
    description,
    bound: 'a Kubernetes name: lower-case letters, digits, `-` and `.`, at most 253 characters',
  })

const octet = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const portNumber = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])'
/** A name whose last part is no number, or an IPv4 address: what `new URL` takes, but for a wrong `xn--`, which the programs refuse. */
const host = `((${label}\\.)*[a-z]([a-z0-9-]*[a-z0-9])?|${octet}(\\.${octet}){3})`

/** Address of pages, without a path: those are put behind it. */
export const addressField = (description: string) =>
  configField(Type.String({ pattern: `^https?://${host}(:${portNumber})?/?$`, maxLength: 300 }), {
    description,
    bound: "an address such as 'https://pulls.example.com': http or https, a host, and a port if it has one",
    example: 'https://pulls.example.com',
  })

/** Name of a namespace: a DNS label (RFC 1123). */
export const namespaceField = (description: string) =>
  configField(Type.String({ pattern: `^${label}$`, minLength: 1, maxLength: 63 }), {
    description,
    bound: 'the name of a namespace: lower-case letters, digits and `-`, at most 63 characters',
  })
