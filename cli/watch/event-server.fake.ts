import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse, connection: number) => void

/** A real HTTP server on a free port whose answers the test writes; `connection` counts the requests from 1. */
export async function openEventServer(handler: Handler, port = 0) {
  let connections = 0
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response, ++connections)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  return {
    url: new URL(`http://127.0.0.1:${bound}`),
    port: bound,
    requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  response.flushHeaders()
}

export const frame = (fields: { id?: string; event?: string; data?: unknown }) =>
  `${fields.id === undefined ? '' : `id: ${fields.id}\n`}${fields.event === undefined ? '' : `event: ${fields.event}\n`}` +
  `data: ${JSON.stringify(fields.data ?? {})}\n\n`

/** A pull of which a test says only what matters to it. */
export function buildPull(over: Partial<Pull> = {}): Pull {
  return {
    id: 'a'.repeat(26),
    nodeName: 'node-a',
    imageRef: 'registry.example.com/team/app:v1',
    phase: 'downloading',
    phaseStartedAt: {},
    totalKnown: true,
    totalBytes: 100 * 1024 * 1024,
    downloadedBytes: 62 * 1024 * 1024,
    cachedBytes: 0,
    unpackedBytes: 0,
    percent: 62,
    bytesPerSec: 12.5 * 1024 * 1024,
    etaSeconds: 3,
    layerCount: 5,
    layersDone: 2,
    restarts: 0,
    startedAt: '2026-11-21T10:00:00Z',
    stale: false,
    source: 'agent',
    pods: [],
    ...over,
  }
}

export function buildEvent(over: Partial<PullEvent> = {}, pull: Partial<Pull> = {}): PullEvent {
  return {
    schemaVersion: 'v1',
    timestamp: '2026-11-21T10:00:05Z',
    type: 'pull.progress',
    nodeName: pull.nodeName ?? 'node-a',
    pull: buildPull(pull),
    ...over,
  }
}
