import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { httpSink, listenTo } from './http-stream.ts'
import { describeStreamSink, type SinkRig } from './stream-sink.conformance.ts'
import { FakeSink } from './stream-sink.fake.ts'

/** Counts what a sink says, and lets a test wait for it. */
function ears() {
  let drains = 0
  let closes = 0
  const drained = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  return {
    listener: {
      drained() {
        drains++
        drained.resolve()
      },
      closed() {
        closes++
        closed.resolve()
      },
    },
    drains: () => drains,
    closes: () => closes,
    drained: () => drained.promise,
    closed: () => closed.promise,
  }
}

describeStreamSink('the fake', async () => {
  const { listener, ...rest } = ears()
  const sink = new FakeSink()
  sink.listener = listener
  const read = async (bytes: number) => {
    sink.take(bytes)
    return Buffer.concat(sink.read)
  }
  return { sink, ...rest, read, ended: async () => Buffer.concat(sink.read) } satisfies SinkRig
})

const peers: Socket[] = []
after(() => {
  for (const peer of peers) peer.destroy()
})

describeStreamSink('a response of node:http', async () => {
  const { listener, ...rest } = ears()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  peers.push(peer.pause())
  peer.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n')
  const [, response] = await once(server, 'request')
  // Headers as short as can be: the peer drops them, and then all bytes are ours.
  response.setHeader('Connection', 'close')
  response.removeHeader('Transfer-Encoding')
  response.sendDate = false
  response.flushHeaders()
  const headBytes = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'.length

  const parts: Buffer[] = []
  let length = -headBytes
  const all = () => Buffer.concat(parts).subarray(headBytes)
  let arrived = () => {}
  peer.on('error', () => {})
  const sink = httpSink(response)
  listenTo(response, listener)
  void rest.closed().then(() => server.close())
  const ended = once(peer, 'close')
  return {
    sink,
    ...rest,
    read: bytes =>
      new Promise(resolve => {
        arrived = () => {
          if (length >= bytes) resolve(all())
        }
        peer.on('data', part => {
          parts.push(part)
          length += part.length
          arrived()
        })
        peer.resume()
      }),
    ended: async () => {
      await ended
      return all()
    },
  } satisfies SinkRig
})
