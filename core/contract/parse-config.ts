import type { TSchema } from 'typebox'
import { closest } from '../lib/closest.ts'
import { seenOf } from '../lib/seen.ts'
import { type FieldHelp, fieldHelp, isWithinRange } from './config-field.ts'
import { relationFaults } from './config-relations.ts'
import { PulltraceConfig, type PulltraceConfigSpec } from './pulltrace-config.ts'
import { validatorOf } from './schema.ts'

/** One thing that is wrong with a PulltraceConfig, in words its writer can act on. */
export interface ConfigFault {
  /** As its writer would say it: `spec.agent.tolerations[0].effect`. */
  readonly path: string
  /** `NotAvailable`: right, but this version cannot do it. */
  readonly reason: 'Invalid' | 'UnknownField' | 'NotAvailable'
  readonly bound: string
  readonly seen: string
  readonly fix: string
  readonly message: string
}

export type ConfigResult =
  | { readonly config: PulltraceConfig; readonly faults?: undefined }
  | { readonly faults: readonly ConfigFault[]; readonly config?: undefined }

const validator = validatorOf('PulltraceConfig', PulltraceConfig)

/**
 * A config, or every fault of it in the order of the schema's fields: a person mends them in one edit.
 * `where` it is to run decides what this version can do there.
 */
export function parsePulltraceConfig(input: unknown, where: 'cluster' | 'machine' = 'cluster'): ConfigResult {
  const value = withoutNulls(input)
  const visit: Visit = { fields: new Map(), faults: [] }
  walk(visit, PulltraceConfig as unknown as Schema, input, '')
  const byPath = new Map<string, ConfigFault>()
  for (const fault of [...visit.faults, ...schemaFaults(value, visit.fields)]) {
    // A union reports each of its branches: one fault a field is what can be mended.
    if (!byPath.has(fault.path)) byPath.set(fault.path, fault)
  }
  const faults = [...byPath.values()]
  if (faults.length === 0) {
    const { spec = {} } = value as PulltraceConfig
    faults.push(...relationFaults(spec), ...notAvailableFaults(spec, where))
  }
  return faults.length > 0 ? { faults } : { config: value as PulltraceConfig }
}

/** A field that says `null` (in YAML: a key with nothing after it) is absent, as an API server has it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value).filter(([, item]) => item !== null)
  return Object.fromEntries(fields.map(([key, item]) => [key, withoutNulls(item)]))
}

/** The part of JSON Schema that this file walks. */
type Schema = TSchema & {
  readonly type?: string
  readonly properties?: Record<string, Schema>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly [fieldHelp]?: FieldHelp
}

interface Visit {
  readonly fields: Map<string, FieldHelp | undefined>
  readonly faults: ConfigFault[]
}

/** Finds what the validator does not: unknown fields, durations out of bounds, and every missing field. Remembers the help of each field by path. */
function walk(visit: Visit, schema: Schema, value: unknown, path: string): void {
  const help = schema[fieldHelp]
  visit.fields.set(path, help)
  if (Array.isArray(value)) {
    if (schema.items) for (const [index, item] of value.entries()) walk(visit, schema.items, item, `${path}[${index}]`)
    return
  }
  if (typeof value === 'string' && help) {
    if (!isWithinRange(value, help)) visit.faults.push(invalid(path, help, help.bound, seenOf(value)))
    return
  }
  if (typeof value !== 'object' || value === null) return
  const known = schema.properties ?? {}
  for (const name of schema.required ?? []) {
    const required = known[name]?.[fieldHelp]
    visit.fields.set(join(path, name), required)
    // The validator names the first one only.
    if (((value as Record<string, unknown>)[name] ?? null) === null) {
      visit.faults.push(invalid(join(path, name), required, required?.bound ?? 'present', 'nothing'))
    }
  }
  for (const [key, item] of Object.entries(value)) {
    const child = Object.hasOwn(known, key) ? known[key] : schema.additionalProperties
    // A field that is not known is wrong with nothing after it, too.
    if (item === null && child !== undefined) continue
    if (typeof child === 'object') walk(visit, child, item, join(path, key))
    else if (child === undefined && schema.properties) visit.faults.push(unknownField(path, key, Object.keys(known)))
  }
}

const join = (path: string, key: string) => (path === '' ? key : `${path}.${key}`)

function schemaFaults(value: unknown, fields: Visit['fields']): ConfigFault[] {
  const faults = validator.faults(value).map(({ path, bound, seen }) => {
    const help = fields.get(path)
    return invalid(path, help, help?.bound ?? plainTypes[bound] ?? bound, seen)
  })
  // A map with a bad value is reported as the map, too; the value's own fault says more.
  return faults.filter(({ path }) => !faults.some(other => other.path.startsWith(`${path}.`)))
}

/** JSON's types in the words of someone who writes YAML. */
const plainTypes: Record<string, string> = {
  'of type object': 'a map of fields',
  'of type array': 'a list',
  'of type string': 'a text',
  'of type boolean': 'true or false',
}

function invalid(path: string, help: FieldHelp | undefined, bound: string, seen: string): ConfigFault {
  const field = path === '' ? 'the file' : `\`${path}\``
  const key = path.replace(/^.*\./, '')
  return {
    path,
    reason: 'Invalid',
    bound,
    seen,
    fix: help?.example === undefined ? '' : `write \`${key}: ${help.example}\``,
    message: `${field} must be ${bound}, got ${seen}`,
  }
}

function unknownField(parent: string, key: string, known: readonly string[]): ConfigFault {
  const near = closest(key, known)
  const where = parent === '' ? 'a PulltraceConfig' : `\`${parent}\``
  return {
    path: join(parent, key),
    reason: 'UnknownField',
    bound: `one of ${known.join(', ')}`,
    seen: key.length > 80 ? `${key.slice(0, 80)}…` : key,
    fix: near === undefined ? 'remove it' : `write \`${near}\``,
    message: `${where} has no field '${key.slice(0, 80)}'; its fields are ${known.join(', ')}`,
  }
}

/** What is right, but not there yet. The API server takes it; the operator refuses it in the status. */
function notAvailableFaults(spec: PulltraceConfigSpec, where: 'cluster' | 'machine'): ConfigFault[] {
  const faults: ConfigFault[] = []
  if (where === 'machine' && spec.server?.readerAuth === 'kubernetes') {
    const fix = 'write `readerAuth: token`'
    faults.push(notAvailable('spec.server.readerAuth', "'kubernetes'", fix, 'there is no cluster that could tell'))
  }
  return faults
}

function notAvailable(path: string, seen: string, fix: string, why: string): ConfigFault {
  const bound = 'left out'
  return {
    path,
    reason: 'NotAvailable',
    bound,
    seen,
    fix,
    message: `NotAvailable: \`${path}\` cannot be ${seen}: ${why}`,
  }
}
