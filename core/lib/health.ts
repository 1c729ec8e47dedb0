import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from './cannot-listen.ts'
import type { ListenAddress } from './settings.ts'

export interface HealthParts {
  readonly address: ListenAddress
  /** Why the program is not ready, or undefined when it is. */
  readonly notReady: () => string | undefined
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> }
}

export interface Health {
  readonly address: AddressInfo
  /** Cuts what is connected: a scraper that hangs must not keep the program from ending. */
  close(): Promise<void>
}

/** For small programs. /healthz: the process answers. /readyz: it can do its work. /metrics: for Prometheus. */
export function openHealth({ address, notReady, metrics }: HealthParts): Promise<Health> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(text)
    }
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'only GET\n')
    else if (path === '/healthz') answer(200, 'ok\n')
    else if (path === '/readyz') {
      const reason = notReady()
      answer(reason === undefined ? 200 : 503, `${reason ?? 'ok'}\n`)
    } else if (path === '/metrics') {
      metrics.metrics().then(
        text => answer(200, text, metrics.contentType),
        () => answer(500, 'internal error\n'),
      )
    } else answer(404, 'not found: there are /healthz, /readyz and /metrics\n')
  })
  server.requestTimeout = 10_000
  server.maxConnections = 100
  return new Promise((resolve, reject) => {
    server.once('error', cause => reject(cannotListen(address, cause)))
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
