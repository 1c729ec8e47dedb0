import assert from 'node:assert/strict'
import { parse } from 'yaml'
import { crdYaml, pulltraceConfigCrd } from './crd.ts'

type Schema = { readonly [key: string]: unknown }

/** Every field below `schema` with its path; items are `[]`, values of a map `{}`. */
function* fieldsOf(schema: Schema, path: string): Generator<[path: string, field: Schema]> {
  yield [path, schema]
  for (const [name, field] of Object.entries((schema['properties'] as Record<string, Schema> | undefined) ?? {})) {
    yield* fieldsOf(field, path === '' ? name : `${path}.${name}`)
  }
  if (schema['items']) yield* fieldsOf(schema['items'] as Schema, `${path}[]`)
  if (schema['additionalProperties']) yield* fieldsOf(schema['additionalProperties'] as Schema, `${path}{}`)
}

describe('pulltraceConfigCrd', () => {
  const crd = pulltraceConfigCrd() as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }
  const root = crd.spec.versions[0]!.schema.openAPIV3Schema
  const fields = new Map(fieldsOf(root, ''))
  const own = [...fields].filter(([path]) => /^(spec|status)/.test(path))
  const without = (has: (field: Schema) => boolean) => own.filter(([, field]) => !has(field)).map(([path]) => path)

  it('describes every field', () => {
    assert.ok(own.length > 60)
    assert.deepEqual(
      without(field => typeof field['description'] === 'string' && field['description'] !== ''),
      [],
    )
  })

  it('gives every field a type, or both of two', () => {
    assert.deepEqual(
      without(field => ['object', 'array', 'string', 'integer', 'boolean'].includes(field['type'] as string)),
      ['spec.agent.updateStrategy.maxUnavailable'],
    )
    assert.equal(fields.get('spec.agent.updateStrategy.maxUnavailable')!['x-kubernetes-int-or-string'], true)
  })

  it('bounds every text, list, map and number', () => {
    const bounds: Record<string, readonly string[]> = {
      string: ['maxLength', 'enum', 'format'],
      array: ['maxItems'],
      integer: ['minimum'],
    }
    const isBounded = (field: Schema) => (bounds[field['type'] as string] ?? []).some(key => field[key] !== undefined)
    assert.deepEqual(
      without(field => bounds[field['type'] as string] === undefined || isBounded(field)),
      [],
    )
    assert.deepEqual(
      without(field => field['additionalProperties'] === undefined || field['maxProperties'] !== undefined),
      [],
    )
  })

  it('says of every list how it is merged', () => {
    const lists = own.filter(([, field]) => field['type'] === 'array')
    assert.deepEqual(
      lists.map(([path, field]) => [path, field['x-kubernetes-list-type']]),
      [
        ['spec.agent.tolerations', 'atomic'],
        ['spec.watchNamespaces', 'set'],
        ['spec.imagePullSecrets', 'map'],
        ['status.conditions', 'map'],
      ],
    )
  })

  it('gives the parents of a default one, so that an empty spec has them all', () => {
    assert.deepEqual(fields.get('spec.agent.runtime')!['default'], {})
    assert.deepEqual(fields.get('spec')!['default'], {})
    assert.equal(fields.get('spec.server.tls')!['default'], undefined)
    assert.equal(fields.get('status')!['default'], undefined)
  })

  it('keeps nothing that a structural schema may not have', () => {
    const forbidden = ['x-pulltrace-field', 'anyOf', 'const', 'uniqueItems', '$id', 'additionalItems']
    assert.deepEqual(
      without(field => forbidden.every(key => !(key in field))),
      [],
    )
  })

  it('is written as YAML that says the same', () => assert.deepEqual(parse(crdYaml('# head\n')), crd))
})
