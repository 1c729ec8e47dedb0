import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { KubeError } from './kube-error.ts'
import { openForwardServer } from './port-forward.fake.ts'
import { type Forwarder, openPortForward } from './port-forward.ts'

describe('openPortForward', () => {
  let pod: net.Server
  let server: Awaited<ReturnType<typeof openForwardServer>> | undefined
  let onConnection: (socket: net.Socket) => void
  const at = { namespace: 'pulltrace-system', pod: 'pulltrace-server-0', port: 8080 }
  const asUser = (serverUrl: string): Forwarder => ({
    serverUrl,
    credentials: async () => ({ headers: { authorization: 'Bearer user' }, tls: {} }),
  })

  beforeEach(async () => {
    pod = net.createServer(socket => onConnection(socket.on('error', () => {})))
    pod.listen(0, '127.0.0.1')
    await once(pod, 'listening')
  })
  afterEach(async () => {
    await server?.close()
    server = undefined
    pod.close()
  })
  const serve = async (options: Parameters<typeof openForwardServer>[1] = {}) => {
    server = await openForwardServer(new Map([[8080, (pod.address() as net.AddressInfo).port]]), options)
    return asUser(server.serverUrl)
  }

  it('carries bytes both ways, and no byte of the wire around them', async () => {
    onConnection = socket => socket.once('data', data => socket.end(`you said ${data}`))
    const stream = await openPortForward(await serve(), at)
    stream.write('hello')
    assert.equal(await text(stream), 'you said hello')
    assert.deepEqual(server!.requests, [
      {
        path: '/api/v1/namespaces/pulltrace-system/pods/pulltrace-server-0/portforward?ports=8080',
        authorization: 'Bearer user',
        protocols: 'v4.channel.k8s.io',
      },
    ])
    stream.destroy()
  })

  it('loses nothing to a reader that is slow, and does not hold it all in memory', async () => {
    const bytes = randomBytes(8 * 1024 * 1024)
    onConnection = socket => socket.end(bytes)
    const stream = await openPortForward(await serve(), at)
    await once(stream, 'readable')
    let most = 0
    const hash = createHash('sha256')
    for await (const chunk of stream) {
      hash.update(chunk as Buffer)
      most = Math.max(most, (chunk as Buffer).length)
      // Slower than the pod. An iterator hands over all that is held, so without backpressure it is nearly all of it.
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
    assert.equal(hash.digest('hex'), createHash('sha256').update(bytes).digest('hex'))
    assert.ok(most < 2 * 1024 * 1024, `held ${most} bytes`)
  })

  it('says why there is no connection to the port', async () => {
    const stream = await openPortForward(await serve(), { ...at, port: 9 })
    await assert.rejects(text(stream), (error: KubeError) => {
      assert.equal(error.reason, 'PortForwardFailed')
      assert.match(error.message, /an error occurred forwarding 9: connect ECONNREFUSED/)
      return true
    })
  })

  it('gives the answer of an API server that refuses', async () => {
    const message = 'pods "pulltrace-server-0" is forbidden: User "u" cannot get resource "pods/portforward"'
    const user = await serve({
      refuse: () => ({ code: 403, status: { kind: 'Status', reason: 'Forbidden', message } }),
    })
    await assert.rejects(openPortForward(user, at), (error: KubeError) => {
      assert.ok(error instanceof KubeError)
      assert.equal(error.status, 403)
      assert.equal(error.reason, 'Forbidden')
      assert.match(error.message, /cannot get resource "pods\/portforward"/)
      return true
    })
  })

  it('says that nobody is there', async () => {
    const user = await serve()
    await server!.close()
    server = undefined
    await assert.rejects(openPortForward(user, at), { name: 'KubeError', status: 0, reason: 'Unreachable' })
  })

  it('ends when the node goes away', async () => {
    onConnection = socket => socket.write('some')
    const stream = await openPortForward(await serve(), at)
    await once(stream, 'readable')
    server!.cut()
    assert.equal(await text(stream), 'some')
  })

  it('leaves the connection of the pod with it', async () => {
    const gone = Promise.withResolvers<void>()
    onConnection = socket => void socket.on('close', () => gone.resolve()).write('some')
    const stream = await openPortForward(await serve(), at)
    await once(stream, 'readable')
    stream.destroy()
    await gone.promise
  })

  it('is not begun after an abort', async () => {
    const user = await serve()
    await assert.rejects(openPortForward(user, at, AbortSignal.abort(new Error('stop'))), /stop/)
    assert.deepEqual(server!.requests, [])
  })
})
