import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import type { ListenAddress } from '../core/lib/settings.ts'

export interface HealthParts {
  readonly address: ListenAddress
  /** Why it cannot do its work, or undefined when it can. An operator that stands by can. */
  readonly notReady: () => string | undefined
  readonly registry: Pick<Registry, 'contentType' | 'metrics'>
}

export interface Health {
  readonly address: AddressInfo
  /** Cuts what is connected: a scraper that hangs must not keep the operator from ending. */
  close(): Promise<void>
}

/** /healthz: the process answers. /readyz: it leads and knows the cluster, or stands by. /metrics: for Prometheus. */
export function openHealth({ address, notReady, registry }: HealthParts): Promise<Health> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(text)
    }
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'only GET\n')
    else if (path === '/healthz' || path === '/livez') answer(200, 'ok\n')
    else if (path === '/readyz') {
      const reason = notReady()
      answer(reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`)
    } else if (path === '/metrics') {
      registry.metrics().then(
        text => answer(200, text, registry.contentType),
        () => answer(500, 'internal error\n'),
      )
    } else answer(404, 'not found: there are /healthz, /readyz and /metrics\n')
  })
  server.requestTimeout = 10_000
  server.maxConnections = 100
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(address, cause)))
    server.listen(address.port, address.host, () =>
      resolve({
        address: server.address() as AddressInfo,
        close: () =>
          new Promise(done => {
            server.close(() => done())
            server.closeAllConnections()
          }),
      }),
    )
  })
}

function cannotListen({ host = '', port }: ListenAddress, cause: NodeJS.ErrnoException): PulltraceError {
  const why = cause.code === 'EADDRINUSE' ? 'it is in use by another program' : cause.message
  const fix = 'set PULLTRACE_OPERATOR_METRICS_ADDR to another address'
  return new PulltraceError(Code.Unavailable, `cannot listen on '${host}:${port}': ${why}`, { fix, cause })
}
