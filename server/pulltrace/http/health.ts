import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import { PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { setSecurityHeaders } from './security-headers.ts'
import { errorBody, notFound } from './status.ts'

export interface HealthParts {
  readonly registry: Registry
  /** Undefined: ready. Else why not, such as 'draining'. */
  readonly notReady: () => string | undefined
  /** Said in the body only: without history the live view still serves, so traffic must keep coming. */
  readonly history: () => { readonly healthy: boolean; readonly reason?: string | undefined }
  readonly log: Logger
}

/**
 * /healthz: this very answer shows that the loop turns. /readyz: whether to send traffic here.
 * /metrics: Prometheus. Not Koa: it must answer when the API is at its limits.
 */
export function healthHandler(parts: HealthParts): RequestListener {
  return (request, response) => {
    setSecurityHeaders(response)
    response.setHeader('cache-control', 'no-store')
    answer(parts, request, response).catch(reason => {
      const error = PulltraceError.from(reason)
      parts.log.error('request failed', { path: pathOf(request), error })
      if (!response.headersSent) answerJson(response, 500, errorBody(error))
    })
  }
}

async function answer(parts: HealthParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return answerJson(response, 405, { error: { code: 'method_not_allowed', message: 'must be GET or HEAD' } })
  }
  switch (pathOf(request)) {
    case '/healthz':
    case '/livez':
      return answerJson(response, 200, { status: 'ok' })
    case '/readyz': {
      const reason = parts.notReady()
      const history = parts.history()
      const status = reason ?? (history.healthy ? 'ok' : 'degraded')
      return answerJson(response, reason === undefined ? 200 : 503, { status, history })
    }
    case '/metrics': {
      const text = await parts.registry.metrics()
      response.writeHead(200, { 'content-type': parts.registry.contentType }).end(text)
      return
    }
    default:
      return answerJson(response, 404, errorBody(notFound(pathOf(request))))
  }
}

const pathOf = ({ url = '/' }: IncomingMessage) => url.split('?', 1)[0]!

function answerJson(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) }
  response.writeHead(status, headers).end(text)
}
