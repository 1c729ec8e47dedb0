import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Logger } from '../../core/lib/log.ts'
import type { StoreHealth } from '../store/store.ts'

export interface HealthParts {
  readonly registry: Registry
  /** Undefined: ready. Else why not, such as 'draining'. */
  readonly notReady: () => string | undefined
  readonly database: () => StoreHealth
  readonly log: Logger
}

/** /healthz: this very answer shows that the loop turns. /readyz: whether to send sensors here. /metrics: Prometheus. */
export function healthHandler(parts: HealthParts): RequestListener {
  return (request, response) => {
    response.setHeader('cache-control', 'no-store')
    response.setHeader('x-content-type-options', 'nosniff')
    answer(parts, request, response).catch(error => {
      parts.log.error('request failed', { path: pathOf(request), error })
      if (!response.headersSent) answerJson(response, 500, { status: 'error', error: 'internal error' })
    })
  }
}

async function answer(parts: HealthParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return answerJson(response, 405, { status: 'error', error: 'must be GET or HEAD' })
  }
  switch (pathOf(request)) {
    case '/healthz':
    case '/livez':
      return answerJson(response, 200, { status: 'ok' })
    case '/readyz':
      return readyz(parts, response)
    case '/metrics':
    case '/api/v1/stats/prometheus': {
      const text = await parts.registry.metrics()
      response.writeHead(200, { 'content-type': parts.registry.contentType }).end(text)
      return
    }
    default:
      return answerJson(response, 404, {
        status: 'error',
        error: 'not found: there are /healthz, /readyz, /metrics and /api/v1/stats/prometheus',
      })
  }
}

/** Without its database the service can do nothing, so traffic should go elsewhere. */
function readyz({ notReady, database }: HealthParts, response: ServerResponse): void {
  const why = notReady()
  const health = database()
  if (!health.healthy) {
    const { kind, reason, fix } = health
    answerJson(response, 503, { status: 'unavailable', error: 'database connection failed', kind, reason, fix })
  } else if (why !== undefined) answerJson(response, 503, { status: 'unavailable', error: why })
  else answerJson(response, 200, { status: 'ok' })
}

const pathOf = ({ url = '/' }: IncomingMessage) => url.split('?', 1)[0]!

function answerJson(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}
