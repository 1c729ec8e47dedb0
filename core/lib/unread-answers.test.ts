import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { connect, type Socket } from 'node:net'
import { healthLimits, openHttpListener } from './http-listener.ts'
import { maxPipelined, UnreadAnswers } from './unread-answers.ts'

describe('UnreadAnswers', () => {
  const answerOf = (type: string) => ({ getHeader: () => type })
  const fake = (changes: object = {}) => {
    const socket = {
      writableLength: 1000,
      bytesWritten: 1000,
      _httpMessage: answerOf('application/json'),
      _handle: { writeQueueSize: 900 },
      _parent: undefined as { _handle: { writeQueueSize: number } } | undefined,
      destroyed: false,
      destroy() {
        socket.destroyed = true
      },
      ...changes,
    }
    return socket
  }
  const look = (unread: UnreadAnswers, socket: object, ...timesMs: number[]) => {
    for (const nowMs of timesMs) unread.look([socket as Socket], nowMs)
  }

  it('ends a connection of which nothing was taken for the whole time', () => {
    const socket = fake()
    const unread = new UnreadAnswers(60_000)
    look(unread, socket, 100, 60_099)
    assert.equal(socket.destroyed, false)
    look(unread, socket, 60_100)
    assert.equal(socket.destroyed, true)
  })

  for (const { name, goOn } of [
    { name: 'takes some of a write', goOn: (socket: ReturnType<typeof fake>) => socket._handle.writeQueueSize-- },
    {
      name: 'takes some of a write under TLS',
      goOn: (socket: ReturnType<typeof fake>) => {
        const left = socket._parent?._handle.writeQueueSize ?? 900
        socket._parent = { _handle: { writeQueueSize: left - 1 } }
      },
    },
    { name: 'takes a write and is given the next', goOn: (socket: ReturnType<typeof fake>) => socket.bytesWritten++ },
  ]) {
    it(`waits for one that ${name} now and then`, () => {
      const socket = fake()
      const unread = new UnreadAnswers(60_000)
      for (let nowMs = 0; nowMs < 600_000; nowMs += 59_000) {
        look(unread, socket, nowMs)
        goOn(socket)
      }
      assert.equal(socket.destroyed, false)
    })
  }

  it('leaves alone an event stream, and where nothing waits', () => {
    for (const socket of [
      fake({ _httpMessage: answerOf('text/event-stream; charset=utf-8') }),
      fake({ writableLength: 0, _handle: { writeQueueSize: 0 }, _httpMessage: null }),
    ]) {
      look(new UnreadAnswers(60_000), socket, 0, 60_000, 120_000)
      assert.equal(socket.destroyed, false)
    }
  })
})

describe('openHttpListener', () => {
  const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const opened: { close(): unknown }[] = []
  const serve = async (handler: RequestListener, stalledAnswerMs = 60_000) => {
    const limits = { ...healthLimits, stalledAnswerMs }
    const listener = await openHttpListener(handler, { host: '127.0.0.1', port: 0 }, limits, (_, socket) =>
      socket.destroy(),
    )
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
    opened.push({ close: () => listener.close(0) }, { close: () => socket.destroy() })
    await once(socket, 'connect')
    return socket
  }

  afterEach(async () => {
    for (const { close } of opened.splice(0)) await close()
  })

  it('ends an answer that its client does not read', async () => {
    const closed = Promise.withResolvers<boolean>()
    const client = await serve((_, response) => {
      response.once('close', () => closed.resolve(response.writableFinished))
      response.end(Buffer.alloc(64 * 1024 * 1024))
    }, 200)
    client.pause().write(request)
    assert.equal(await closed.promise, false)
  })

  it('ends a connection that sends one request after the other and waits for no answer', async () => {
    let handled = 0
    const client = await serve(() => {
      handled++
    })
    client.write(request.repeat(100))
    await once(client.resume(), 'close')
    assert.equal(handled, 1 + maxPipelined)
  })

  it('answers all of a connection that sends as many as it may, again and again', async () => {
    const client = await serve((_, response) => setImmediate(() => response.end('ok')))
    client.setEncoding('utf8')
    for (let round = 0; round < 3; round++) {
      client.write(request.repeat(1 + maxPipelined))
      let text = ''
      while ((text.match(/\r\n\r\nok/g)?.length ?? 0) <= maxPipelined) text += (await once(client, 'data'))[0]
    }
  })
})
