import assert from 'node:assert/strict'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { Compile } from 'typebox/compile'
import { goodPull, goodReport, post, type RunningServer, startServer } from '../start-server.fake.ts'
import { apiRoutes } from './api.ts'

type Json = Record<string, unknown>
interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly responses: Record<
    string,
    { readonly content?: Record<string, { readonly schema: Json }>; readonly headers?: Json }
  >
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, Json> }
}

const reader = { authorization: 'Bearer reader-secret' }
const agent = { authorization: 'Bearer agent-secret' }

/** `operation` is the path in the document where it differs from `path`. */
interface Row {
  readonly method?: string
  readonly operation: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly status: number
}

const id = 'a'.repeat(26)
const report = '/api/v1/report'
const rows: readonly Row[] = [
  { method: 'POST', operation: report, headers: agent, body: goodReport(2, { pulls: [goodPull()] }), status: 200 },
  { method: 'POST', operation: report, headers: agent, body: goodReport(1), status: 200 },
  { method: 'POST', operation: report, headers: agent, body: {}, status: 400 },
  { method: 'POST', operation: report, body: {}, status: 401 },
  { method: 'POST', operation: report, headers: agent, body: ' '.repeat(5_000_000), status: 413 },
  { method: 'POST', operation: report, headers: { ...agent, 'content-type': 'text/plain' }, body: 'x', status: 415 },
  { operation: '/api/v1/pulls', headers: reader, status: 200 },
  { operation: '/api/v1/pulls', path: '/api/v1/pulls?state=all&layers=true', headers: reader, status: 200 },
  { operation: '/api/v1/pulls', path: '/api/v1/pulls?phase=x', headers: reader, status: 400 },
  { operation: '/api/v1/pulls', status: 401 },
  { operation: '/api/v1/pulls', headers: { ...reader, accept: 'text/csv' }, status: 406 },
  { operation: '/api/v1/pulls/{id}', path: `/api/v1/pulls/${id}`, headers: reader, status: 200 },
  { operation: '/api/v1/pulls/{id}', path: '/api/v1/pulls/x', headers: reader, status: 404 },
  { operation: '/api/v1/nodes', headers: reader, status: 200 },
  { operation: '/api/v1/nodes', path: '/api/v1/nodes?limit=-1', headers: reader, status: 400 },
  { operation: '/api/v1/history', headers: reader, status: 200 },
  { operation: '/api/v1/history', path: '/api/v1/history?layers=true', headers: reader, status: 200 },
  { operation: '/api/v1/history', path: '/api/v1/history?groupBy=node', headers: reader, status: 200 },
  { operation: '/api/v1/history', path: '/api/v1/history?until=x', headers: reader, status: 400 },
  { method: 'POST', operation: '/api/v1/tickets', headers: reader, status: 201 },
  { method: 'POST', operation: '/api/v1/tickets', status: 401 },
  { operation: '/api/v1/events', status: 401 },
  { operation: '/api/v1/events', path: '/api/v1/events?x=1', headers: reader, status: 400 },
  { operation: '/openapi.json', status: 200 },
]

describe('the contract', () => {
  let server: RunningServer
  let document: Document
  before(async () => {
    server = await startServer({
      PULLTRACE_AGENT_TOKEN: 'agent-secret',
      PULLTRACE_READER_AUTH: 'token',
      PULLTRACE_READER_TOKEN: 'reader-secret',
    })
    document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document
    const failed = { code: 'NotFound', message: 'manifest unknown' }
    const ended = goodPull({ id: 'b'.repeat(26), phase: 'failed', completedAt: '2026-11-21T10:01:00Z', error: failed })
    await post(`${server.url}${report}`, goodReport(1, { pulls: [goodPull(), ended] }), agent)
  })
  after(() => server.stop())

  /** The schema with every reference replaced by what it names. */
  const resolved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolved)
    if (typeof value !== 'object' || value === null) return value
    const ref = (value as Json)['$ref']
    if (typeof ref === 'string') return resolved(document.components.schemas[ref.replace('#/components/schemas/', '')])
    // What a schema does not name is a mistake here, though clients must bear it.
    const strict = 'properties' in value && !('additionalProperties' in value) ? { additionalProperties: false } : {}
    return { ...Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(item)])), ...strict }
  }
  const check = (schema: Json, value: unknown) => {
    const compiled = Compile(resolved(schema) as never)
    assert.ok(compiled.Check(value), JSON.stringify(compiled.Errors(value)).slice(0, 2000))
  }

  for (const { method = 'GET', operation, path = operation, headers = {}, body, status } of rows) {
    it(`holds for ${method} ${path} answered with ${status}`, async () => {
      const sent =
        body === undefined
          ? await fetch(`${server.url}${path}`, { method, headers })
          : await post(`${server.url}${path}`, body, headers)
      const text = await sent.text()
      assert.equal(sent.status, status, text.slice(0, 500))
      const described = document.paths[operation]?.[method.toLowerCase()]?.responses[status]
      assert.ok(described, 'the document describes this answer')
      const type = sent.headers.get('content-type')!.split(';')[0]!
      const schema = described.content?.[type]?.schema
      assert.ok(schema, `the document describes '${type}'`)
      if (type === 'application/json') check(schema, JSON.parse(text))
      for (const name of Object.keys(described.headers ?? {})) assert.ok(sent.headers.has(name), name)
    })
  }

  it('holds for each event of a stream', async () => {
    const stop = new AbortController()
    const stream = await fetch(`${server.url}/api/v1/events?layers=true`, { headers: reader, signal: stop.signal })
    const schema = document.paths['/api/v1/events']!['get']!.responses['200']!.content!['text/event-stream']!.schema
    const events = stream.body!.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())
    let seen = 0
    for await (const event of events) {
      if (event.event === undefined) {
        check(schema, JSON.parse(event.data))
        seen++
      }
      if (event.event === 'synced') {
        const ended = goodPull({ phase: 'completed', completedAt: new Date().toISOString() })
        await post(`${server.url}${report}`, goodReport(3, { pulls: [ended] }), agent)
      }
      if (event.data.includes('pull.completed')) break
    }
    stop.abort()
    assert.ok(seen >= 2)
  })

  it('names every path and method that the server answers, and no other', () => {
    const served = apiRoutes({ report: {}, openapi: {} } as never).map(
      ({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`,
    )
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map(method => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(described.sort(), served.sort())
  })

  it('names every query parameter that the server takes', async () => {
    for (const [path, { get }] of Object.entries(document.paths)) {
      if (get === undefined) continue
      const url = `${server.url}${path.replace('{id}', id)}?no-such-parameter=1`
      const response = await fetch(url, { headers: reader })
      const { error } = (await response.json()) as { error: { bound: string } }
      const taken = error.bound.startsWith('one of ') ? error.bound.slice(7).split(', ') : []
      const described = (get.parameters ?? []).filter(parameter => parameter.in === 'query').map(({ name }) => name)
      assert.deepEqual(described.sort(), taken.filter(name => name !== 'ticket').sort(), path)
    }
  })
})
