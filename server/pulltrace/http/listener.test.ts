import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get, type RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { healthLimits, type ListenerLimits } from '../../../core/lib/http-listener.ts'
import { openListener } from './listener.ts'

const loopback = { host: '127.0.0.1', port: 0 }
const limits = (changes: Partial<ListenerLimits> = {}) => ({ ...healthLimits, ...changes })
const ok: RequestListener = (_, response) => void response.end('ok')

const open = (url: string): Socket => connect(Number(new URL(url).port), '127.0.0.1')

/** All that the server says until it ends the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  await once(socket, 'close')
  return text
}

describe('openListener', () => {
  it('says which address is taken', async () => {
    const first = await openListener(ok, loopback, limits())
    const port = Number(new URL(first.url).port)
    await assert.rejects(openListener(ok, { host: '127.0.0.1', port }, limits()), {
      code: 'unavailable',
      message: `'127.0.0.1:${port}' is in use by another program`,
    })
    await first.close(1000)
  })

  it('gives an address that works for every way to say it', async () => {
    for (const host of [undefined, '127.0.0.1', 'localhost', '0.0.0.0']) {
      const listener = await openListener(ok, { host, port: 0 }, limits())
      assert.equal(await (await fetch(listener.url)).text(), 'ok')
      await listener.close(1000)
    }
  })

  it('ends a connection that is slow to send its headers', async () => {
    const listener = await openListener(ok, loopback, limits({ headersTimeoutMs: 100 }))
    const socket = open(listener.url)
    socket.write('GET / HTTP/1.1\r\nHost:')
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 408 Request Timeout.*"code":"timeout"/s)
    await listener.close(1000)
  })

  it('ends a request whose body is slow', async () => {
    const listener = await openListener(() => {}, loopback, limits({ headersTimeoutMs: 100, requestTimeoutMs: 200 }))
    const socket = open(listener.url)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12')
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 408 .*"message":"the request took too long to arrive"/s)
    await listener.close(1000)
  })

  it('answers what is not HTTP', async () => {
    const listener = await openListener(ok, loopback, limits())
    const socket = open(listener.url)
    socket.write('hello\r\n\r\n')
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 400 Bad Request.*"code":"invalid"/s)
    await listener.close(1000)
  })

  it('keeps an idle connection past the time that its headers may take', async () => {
    const listener = await openListener(ok, loopback, limits({ headersTimeoutMs: 200 }))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = async () => {
      const [response] = await once(get(listener.url, { agent }), 'response')
      const port = response.socket.localPort as number
      response.resume()
      await once(response, 'end')
      return port
    }
    const first = await ask()
    // Two more looks of the server at its connections, by its own timer.
    for (let looks = 0; looks < 6; looks++) await new Promise(resolve => setTimeout(resolve, 100))
    assert.equal(await ask(), first)
    agent.destroy()
    await listener.close(1000)
  })

  it('drops connections above the bound', async () => {
    const listener = await openListener(ok, loopback, limits({ maxConnections: 1 }))
    const first = open(listener.url)
    await once(first, 'connect')
    const dropped = once(listener.server, 'drop')
    const second = open(listener.url)
    await dropped
    await untilClosed(second)
    assert.equal(await listener.connections(), 1)
    await listener.close(1000)
  })

  it('closes when its last answer is out, whoever else is connected', async () => {
    const arrived = Promise.withResolvers<() => void>()
    const slow: RequestListener = (_, response) => arrived.resolve(() => response.end('done'))
    const listener = await openListener(slow, loopback, limits())
    const silent = open(listener.url)
    await once(silent, 'connect')
    const answer = fetch(listener.url)
    const finish = await arrived.promise
    const closed = listener.close(60_000)
    await once(silent.resume(), 'close')
    finish()
    assert.equal(await (await answer).text(), 'done')
    await closed
  })

  it('gives up on answers that take longer than the grace', async () => {
    const arrived = Promise.withResolvers<void>()
    const listener = await openListener(() => arrived.resolve(), loopback, limits())
    const answer = fetch(listener.url)
    answer.catch(() => {})
    await arrived.promise
    await listener.close(10)
    await assert.rejects(answer)
  })
})
