import type { TSchema } from 'typebox'
import { AgentReport, AgentReportAnswer, AgentReportV1 } from './agent-report.ts'
import {
  ErrorBody,
  HistoryList,
  HistorySummary,
  HistorySummaryList,
  historyGroups,
  NodeList,
  NodeView,
  PullList,
  Ticket,
} from './api.ts'
import { Pull } from './pull.ts'
import { PullEvent } from './pull-event.ts'
import { errorCodes, phases, terminalPhases } from './words.ts'

/** Every schema that has a name, under that name. */
export const namedSchemas = {
  AgentReport,
  AgentReportV1,
  AgentReportAnswer,
  Pull,
  PullEvent,
  PullList,
  Node: NodeView,
  NodeList,
  HistoryList,
  HistorySummary,
  HistorySummaryList,
  Ticket,
  ErrorBody,
} satisfies Record<string, TSchema>

type Json = Record<string, unknown>

/** A schema as plain JSON Schema (2020-12), where named schemas inside it are references made by `ref`. */
export function jsonSchemaOf(schema: TSchema, ref: (name: string) => string): Json {
  const plain = JSON.parse(JSON.stringify(schema)) as Json
  const { $id: _, ...own } = plain
  return replaceNamed(own, ref) as Json
}

function replaceNamed(value: unknown, ref: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map(item => replaceNamed(item, ref))
  if (typeof value !== 'object' || value === null) return value
  const id = (value as Json)['$id']
  if (typeof id === 'string' && Object.hasOwn(namedSchemas, id)) return { $ref: ref(id) }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, replaceNamed(item, ref)]))
}

const refTo = (name: keyof typeof namedSchemas) => ({ $ref: `#/components/schemas/${name}` })

const query = (name: string, description: string, schema: Json = { type: 'string' }) => ({
  name,
  in: 'query',
  required: false,
  description,
  schema,
})
const manyOf = (items: Json) => ({ type: 'array', items, maxItems: 100 })
const filters = [
  query('node', 'Name of a node; may be repeated or hold a comma list.', manyOf({ type: 'string' })),
  query('namespace', 'Kubernetes namespace of a pod that waits.', manyOf({ type: 'string' })),
  query('pod', 'Name of a pod that waits.', manyOf({ type: 'string' })),
  query('image', 'A part of the image reference.', manyOf({ type: 'string' })),
  query('phase', 'A phase of the pull.', manyOf({ enum: [...phases] })),
].map(parameter => ({ ...parameter, style: 'form', explode: true }))
const layers = query('layers', 'Whether each pull carries its layers.', { type: 'boolean', default: false })
const cursor = query('cursor', '`nextCursor` of an earlier answer.')
const limit = (standard: number, maximum: number) =>
  query('limit', 'Most items of one answer.', { type: 'integer', minimum: 1, maximum, default: standard })
const time = { type: 'string', description: 'A date or an RFC 3339 time.' }

const content = (schema: Json, type = 'application/json') => ({ [type]: { schema } })
const etag = { ETag: { description: 'Send it back as If-None-Match.', schema: { type: 'string' } } }
const retryAfter = { 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } }

const faultTexts = {
  400: 'Something in the request is wrong: where, what would be right, what was seen.',
  401: 'No credential, or one that is not valid.',
  403: 'The credential is good, and does not allow this: to report for this node, or to read.',
  404: 'Not there.',
  406: 'Served in another media type only.',
  408: 'The request took too long to arrive.',
  413: 'Larger than the bound, after decompression.',
  415: 'Not JSON, or an encoding that is not taken.',
  429: 'As much as may be is in flight; try again.',
  500: 'A fault of the server; its log says more.',
  503: 'For the moment this cannot be done; try again.',
} as const
const faults = (...statuses: readonly (keyof typeof faultTexts)[]) =>
  Object.fromEntries(
    [...statuses, 500 as const].map(status => [
      String(status),
      {
        description: faultTexts[status],
        content: content(refTo('ErrorBody')),
        ...((status === 429 || status === 503) && { headers: retryAfter }),
      },
    ]),
  )

const reader = [{ reader: [] }]

/** What the routes of the API listener are; a test compares the two. */
const paths = {
  '/api/v1/report': {
    post: {
      operationId: 'report',
      summary: 'Take the full snapshot of one node from its agent.',
      security: [{ agent: [] }],
      requestBody: {
        required: true,
        description: 'At most 4 MiB after decompression; may be compressed (Content-Encoding: gzip).',
        content: content({ anyOf: [refTo('AgentReport'), refTo('AgentReportV1')] }),
      },
      responses: {
        200: { description: 'Merged, or older than what is known.', content: content(refTo('AgentReportAnswer')) },
        ...faults(400, 401, 403, 408, 413, 415, 429, 503),
      },
    },
  },
  '/api/v1/events': {
    get: {
      operationId: 'events',
      summary: 'Follow every change as Server-Sent Events.',
      description:
        'First the state (a `pull.progress` without id for each pull that has not ended), then `event: synced`, then changes with ids. ' +
        'With a last id: what was missed, or `event: reset` and the state again.',
      security: [...reader, { ticket: [] }],
      parameters: [
        ...filters,
        layers,
        query('lastEventId', 'The last id seen; the header Last-Event-ID wins over it.'),
        { name: 'Last-Event-ID', in: 'header', required: false, schema: { type: 'string' } },
      ],
      responses: {
        200: {
          description: 'The data of each event without a name is a PullEvent.',
          content: content(refTo('PullEvent'), 'text/event-stream'),
        },
        ...faults(400, 401, 403, 406, 503),
      },
    },
  },
  '/api/v1/pulls': {
    get: {
      operationId: 'listPulls',
      summary: 'Pulls that have not ended, or those that have, or all.',
      security: reader,
      parameters: [
        ...filters,
        layers,
        query('state', 'Which of them.', { enum: ['active', 'finished', 'all'], default: 'active' }),
        limit(500, 5000),
        cursor,
      ],
      responses: {
        200: { description: 'One page.', headers: etag, content: content(refTo('PullList')) },
        304: { description: 'Not changed since that ETag.' },
        ...faults(400, 401, 403, 406, 503),
      },
    },
  },
  '/api/v1/pulls/{id}': {
    get: {
      operationId: 'getPull',
      summary: 'One pull with its layers.',
      security: reader,
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      responses: {
        200: { description: 'As it is now, else as it ended.', headers: etag, content: content(refTo('Pull')) },
        304: { description: 'Not changed since that ETag.' },
        ...faults(400, 401, 403, 404, 406, 503),
      },
    },
  },
  '/api/v1/nodes': {
    get: {
      operationId: 'listNodes',
      summary: 'Nodes that report, or have lately.',
      security: reader,
      parameters: [limit(500, 5000), cursor],
      responses: {
        200: { description: 'One page, by name.', content: content(refTo('NodeList')) },
        ...faults(400, 401, 403, 406, 503),
      },
    },
  },
  '/api/v1/history': {
    get: {
      operationId: 'searchHistory',
      summary: 'Pulls that have ended, newest end first; sums with groupBy.',
      security: reader,
      parameters: [
        query('node', 'Name of a node.'),
        query('namespace', 'Kubernetes namespace of a pod that waited.'),
        query('pod', 'Name of a pod that waited.'),
        query('image', 'A part of the image reference.'),
        {
          ...query('phase', 'How it ended; a comma list.', manyOf({ enum: [...terminalPhases] })),
          style: 'form',
          explode: false,
        },
        query('errorCode', 'Why it failed.', { enum: [...errorCodes] }),
        query('since', 'Ended at or after.', time),
        query('until', 'Ended before.', time),
        query('groupBy', 'Sums instead of pulls.', { enum: [...historyGroups] }),
        layers,
        limit(100, 1000),
        cursor,
      ],
      responses: {
        200: {
          description: 'One page; summaries when groupBy is given.',
          content: content({ anyOf: [refTo('HistoryList'), refTo('HistorySummaryList')] }),
        },
        ...faults(400, 401, 403, 406, 503),
      },
    },
  },
  '/api/v1/tickets': {
    post: {
      operationId: 'issueTicket',
      summary: 'A single-use ticket for an EventSource, which cannot send a header.',
      security: reader,
      responses: {
        201: { description: 'Good for one stream, within 60 s.', content: content(refTo('Ticket')) },
        ...faults(400, 401, 403, 406, 429, 503),
      },
    },
  },
  '/openapi.json': {
    get: {
      operationId: 'openapi',
      summary: 'This document.',
      security: [],
      responses: {
        200: { description: 'OpenAPI 3.1.', headers: etag, content: content({ type: 'object' }) },
        304: { description: 'Not changed since that ETag.' },
        ...faults(400, 406),
      },
    },
  },
}

/** The API of pulltrace-server as OpenAPI 3.1, from the schemas that validate. */
export function openapiOf(version: string) {
  const schemas = Object.fromEntries(
    Object.entries(namedSchemas).map(([name, schema]) => [
      name,
      jsonSchemaOf(schema, other => `#/components/schemas/${other}`),
    ]),
  )
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pulltrace',
      version,
      description: 'Every container-image pull on every node, while it happens.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        agent: { type: 'http', scheme: 'bearer', description: 'The token of the agents.' },
        reader: { type: 'http', scheme: 'bearer', description: 'The token of the readers.' },
        ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'From POST /api/v1/tickets.' },
      },
    },
  }
}
