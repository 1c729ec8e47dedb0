import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import type { Context } from 'koa'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { createApp } from './app.ts'

/** No kernel takes that much for a client that does not read. */
const large = 'x'.repeat(30 * 1024 * 1024)
const answers = {
  '/text': large,
  '/json': { items: [large], nextCursor: null },
  '/small': { items: [], nextCursor: null },
}

describe('AnswerBudget', () => {
  let server: ReturnType<typeof createServer>
  const ask = async (path: string, method = 'GET'): Promise<IncomingMessage> => {
    const { port } = server.address() as AddressInfo
    const [response] = await once(get({ port, path, method, agent: false }), 'response')
    return response
  }
  /** Asks until it is answered so. */
  const eventually = async (path: string, status: number): Promise<IncomingMessage> => {
    for (;;) {
      const response = await ask(path)
      if (response.statusCode === status) return response
      response.destroy()
    }
  }
  const textOf = async (response: IncomingMessage) => Buffer.concat(await response.toArray()).toString('utf8')

  beforeEach(async () => {
    const routes = Object.entries(answers).map(([path, body]) => ({
      method: 'GET' as const,
      path,
      handlers: [
        (ctx: Context) => {
          ctx.set('ETag', '"a"')
          ctx.body = body
        },
      ],
    }))
    const parts = { corsOrigins: [], answered: () => {}, clock: systemClock, log: silentLogger }
    server = createServer(createApp({ routes, ...parts }).callback()).listen(0)
    await once(server, 'listening')
  })

  afterEach(() => void server.close().closeAllConnections())

  it('refuses a large answer while others are not taken, and gives it once one of them is', async () => {
    const [first, second] = [await ask('/json'), await ask('/text')]
    const refused = await ask('/json')
    assert.equal(refused.statusCode, 503)
    assert.match(refused.headers['retry-after']!, /^[2-5]$/)
    assert.equal(refused.headers.etag, undefined)
    assert.equal(refused.headers['content-type'], 'application/json; charset=utf-8')
    assert.match(await textOf(refused), /"code":"unavailable","message":"too many large answers are under way"/)
    assert.equal((await ask('/small')).statusCode, 200)
    assert.equal((await ask('/text', 'HEAD')).headers['content-length'], String(large.length))
    assert.deepEqual(JSON.parse(await textOf(first)), answers['/json'])
    const third = await eventually('/json', 200)
    second.destroy()
    third.destroy()
  })

  it('gives back what a connection held that is gone, also of answers behind its first', async () => {
    const client = connect((server.address() as AddressInfo).port)
    client.write('GET /text HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2))
    await once(client, 'readable')
    const refused = await eventually('/text', 503)
    refused.destroy()
    client.destroy()
    const [one, two] = [await eventually('/text', 200), await eventually('/text', 200)]
    assert.equal((await ask('/text')).statusCode, 503)
    one.destroy()
    two.destroy()
  })
})
