import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Served } from './shipped.ts'

/** The same page without a script, from a server that only writes it: what markup and style of such a size cost alone. */
export async function servePlainly(pageUrl: string): Promise<Served> {
  const page = await (await fetch(pageUrl)).text()
  const stylePath = /<link rel="stylesheet" href="([^"]+)">/.exec(page)![1]!
  const style = Buffer.from(await (await fetch(new URL(stylePath, pageUrl))).arrayBuffer())
  const plain = Buffer.from(page.replaceAll(/<script[^>]*><\/script>/g, script => script.replaceAll(/[^\n]/g, ' ')))
  const server = createServer(({ url }, response) => {
    const [type, body] = url === stylePath ? ['text/css; charset=utf-8', style] : ['text/html; charset=utf-8', plain]
    response.writeHead(200, { 'content-type': type, 'content-length': body.length }).end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
