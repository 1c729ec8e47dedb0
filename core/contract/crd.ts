import type { TSchema } from 'typebox'
import { stringify } from 'yaml'
import { type FieldHelp, fieldHelp } from './config-field.ts'
import { PulltraceConfig, PulltraceConfigSpec } from './pulltrace-config.ts'
import { PulltraceConfigStatus } from './pulltrace-status.ts'

/**
 * The CustomResourceDefinition, made from the schema that validates. What a structural schema cannot say becomes
 * CEL, whose cost the API server bounds beforehand: every text and list has a length.
 * Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
 */

type Json = { readonly [key: string]: unknown }
type Schema = Json & { readonly [fieldHelp]?: FieldHelp }

/** Keywords that mean the same in a structural schema. */
const kept = [
  'description',
  'default',
  'enum',
  'format',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'maxItems',
  'maxProperties',
  'required',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
] as const

function structural(schema: Schema): Json {
  const help = schema[fieldHelp]
  const branches = schema['anyOf'] as Schema[] | undefined
  // A number or a text: one schema that holds the bounds of both, since a keyword binds only values of its type.
  if (branches) return structural({ ...Object.assign({}, ...branches), ...schema, anyOf: undefined, type: undefined })

  const own = Object.fromEntries(kept.filter(key => schema[key] !== undefined).map(key => [key, schema[key]]))
  const rules = [...fieldRules(schema, help), ...((schema['x-kubernetes-validations'] as Json[] | undefined) ?? [])]
  return {
    ...(typeOf(schema) !== undefined && { type: typeOf(schema) }),
    ...own,
    ...(schema['pattern'] !== undefined && help === undefined && { pattern: schema['pattern'] }),
    ...(rules.length > 0 && { 'x-kubernetes-validations': rules }),
    ...listOf(schema),
    ...fieldsOf(schema),
  }
}

function typeOf(schema: Schema): unknown {
  if (schema['x-kubernetes-int-or-string']) return undefined
  return schema['type'] ?? (schema['enum'] ? 'string' : undefined)
}

/** The API server knows no `uniqueItems`, but sets, and maps by a key. */
function listOf(schema: Schema): Json {
  const items = schema['items'] as Schema | undefined
  if (!items) return {}
  const keys = items['required'] as string[] | undefined
  const unique = keys
    ? { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
    : { 'x-kubernetes-list-type': 'set' }
  const atomic = schema['x-kubernetes-list-type'] ? {} : { 'x-kubernetes-list-type': 'atomic' }
  return { ...(schema['uniqueItems'] ? unique : atomic), items: structural(items) }
}

/** A default below is only filled in when its parents are there: they get `{}` as their own default. */
function fieldsOf(schema: Schema): Json {
  if (typeof schema['additionalProperties'] === 'object') {
    return { additionalProperties: structural(schema['additionalProperties'] as Schema) }
  }
  if (!schema['properties']) return {}
  const properties = Object.entries(schema['properties']).map(([name, field]) => [name, structural(field as Schema)])
  const hasDefault = properties.some(([, field]) => (field as Json)['default'] !== undefined)
  return {
    ...(hasDefault && schema['required'] === undefined && { default: {} }),
    properties: Object.fromEntries(properties),
  }
}

/**
 * A pattern as CEL says in our words what would be right; OpenAPI's own `pattern` could only show the expression.
 * The pattern stands before the conversion, which would fail with words of its own.
 */
function fieldRules(schema: Schema, help: FieldHelp | undefined): Json[] {
  if (!help || schema['pattern'] === undefined) return []
  const text = schema['x-kubernetes-int-or-string'] ? 'type(self) == int || ' : ''
  const rule = [`${text}self.matches(r'${schema['pattern']}')`]
  if (help.duration) {
    const { min, max } = help.duration
    rule.push(`duration(self) >= duration('${min}')`, `duration(self) <= duration('${max}')`)
  }
  if (help.quantity) {
    const { min, max } = help.quantity
    rule.push(`quantity(self).compareTo(quantity('${min}')) >= 0`, `quantity(self).compareTo(quantity('${max}')) <= 0`)
  }
  return [{ rule: rule.join(' && '), message: `must be ${help.bound}` }]
}

const plain = (schema: TSchema) => JSON.parse(JSON.stringify(schema)) as Schema

const condition = (field: 'status' | 'reason') => `.status.conditions[?(@.type=="Ready")].${field}`

const columns = [
  { name: 'Ready', type: 'string', jsonPath: condition('status'), description: 'Whether what the spec asks for runs.' },
  {
    name: 'Interval',
    type: 'string',
    jsonPath: '.status.reportInterval',
    description: 'The report interval in force.',
  },
  { name: 'Agents', type: 'string', jsonPath: '.status.agents.summary', description: 'Agents: ready/desired.' },
  { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint', description: 'Address of the server.' },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it is there.' },
  {
    name: 'Reason',
    type: 'string',
    priority: 1,
    jsonPath: condition('reason'),
    description: 'Why it is ready or not.',
  },
]

export function pulltraceConfigCrd(): Json {
  const standard = 'https://kubernetes.io/docs/reference/using-api/api-concepts'
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: 'pulltraceconfigs.pulltrace.dev',
      labels: { 'app.kubernetes.io/name': 'pulltrace', 'app.kubernetes.io/part-of': 'pulltrace' },
    },
    spec: {
      group: 'pulltrace.dev',
      scope: 'Cluster',
      names: {
        kind: 'PulltraceConfig',
        listKind: 'PulltraceConfigList',
        plural: 'pulltraceconfigs',
        singular: 'pulltraceconfig',
        shortNames: ['ptc'],
        categories: ['pulltrace'],
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: plain(PulltraceConfig)['description'],
              properties: {
                apiVersion: { type: 'string', description: `Version of this schema. See ${standard}.` },
                kind: { type: 'string', description: `Kind of this resource. See ${standard}.` },
                metadata: { type: 'object' },
                spec: structural(plain(PulltraceConfigSpec)),
                status: structural(plain(PulltraceConfigStatus)),
              },
            },
          },
        },
      ],
    },
  }
}

/** As it is written to a file. */
export const crdYaml = (head: string) =>
  `${head}${stringify(pulltraceConfigCrd(), { lineWidth: 120, aliasDuplicateObjects: false })}`
