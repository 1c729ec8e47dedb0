import assert from 'node:assert/strict'
import { kubeApiOf } from '../../core/kube/kube-api.ts'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { Code, type PulltraceError } from '../../core/lib/errors.ts'
import { type Handler, openEventServer } from '../watch/event-server.fake.ts'
import { openFakeCluster, serverPod } from './cluster.fake.ts'
import { createTunnelApi } from './tunnel-api.ts'

describe('createTunnelApi', () => {
  let server: Awaited<ReturnType<typeof openEventServer>>
  let cluster: Awaited<ReturnType<typeof openFakeCluster>>
  let handler: Handler
  let beforeCall: () => Promise<void>
  const clock = new FakeClock()
  const never = new AbortController().signal
  beforeEach(async () => {
    beforeCall = async () => {}
    server = await openEventServer((...request) => handler(...request))
    cluster = await openFakeCluster(server.port)
    cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
  })
  afterEach(async () => {
    await cluster.close()
    await server.close()
  })
  const open = (answerMs?: number) => {
    const credentials = async () => {
      await beforeCall()
      return { headers: {}, tls: {} }
    }
    const place = { serverUrl: cluster.forwards.serverUrl, namespace: 'default', credentials, refused() {} }
    const kube = kubeApiOf(place, { userAgent: 'test' })
    const names = { namespace: 'pulltrace-system', agentNamespace: 'pulltrace-agents' }
    const token = async () => undefined
    return createTunnelApi({ kube, ...names, token, clock, ...(answerMs !== undefined && { answerMs }) })
  }

  it('hands over status, headers and body as they are', async () => {
    handler = (_, response) => void response.writeHead(503, { 'retry-after': '7', 'x-many': ['a', 'b'] }).end('later')
    const answer = await open().get('/x', {}, never)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '7')
    assert.equal(await answer.text(), 'later')
  })

  it('asks where the server is once for requests that come together, and again later', async () => {
    handler = (_, response) => void response.end('{}')
    const api = open()
    const looked = () => cluster.api.requests.filter(({ path }) => path.endsWith('/pods')).length
    await Promise.all([api.get('/a', {}, never), api.get('/b', {}, never)])
    assert.equal(looked(), 1)
    clock.advance(5_000)
    await api.get('/c', {}, never)
    assert.equal(looked(), 2)
  })

  describe('while it asks where the server is', () => {
    /** Keeps the look-up from its request until it is let go on. */
    let held: PromiseWithResolvers<void>
    beforeEach(() => {
      handler = (_, response) => void response.end('{}')
      held = Promise.withResolvers()
      beforeCall = async () => {
        beforeCall = async () => {}
        await held.promise
      }
    })

    it('fails only who gives up, not the others that wait for the same answer', async () => {
      const api = open()
      const stop = new AbortController()
      const gone = api.get('/a', {}, stop.signal)
      const stays = api.get('/b', {}, never)
      stop.abort(new Error('enough'))
      await assert.rejects(gone, /^Error: enough$/)
      held.resolve()
      assert.equal((await stays).status, 200)
    })

    it('asks anew for who comes after all gave up', async () => {
      const api = open()
      const stop = new AbortController()
      const gone = api.get('/a', {}, stop.signal)
      stop.abort(new Error('enough'))
      await assert.rejects(gone, /^Error: enough$/)
      assert.equal((await api.get('/b', {}, never)).status, 200)
    })
  })

  it('gives up a server that does not answer', async () => {
    handler = () => {}
    await assert.rejects(open(50).get('/x', {}, never), (error: PulltraceError) => {
      assert.equal(error.code, Code.Unavailable)
      assert.match(
        error.message,
        /^no pulltrace server at pulltrace-server in namespace pulltrace-system: it does not answer within 0.05 s$/,
      )
      return true
    })
  })

  it('says why the kubelet reaches no port', async () => {
    await server.close()
    try {
      await assert.rejects(open().get('/x', {}, never), (error: PulltraceError) => {
        assert.equal(error.code, Code.Unavailable)
        assert.match(error.message, /an error occurred forwarding 8080: connect ECONNREFUSED/)
        assert.match(error.details.fix!, /kubectl -n pulltrace-system logs statefulset\/pulltrace-server/)
        return true
      })
    } finally {
      server = await openEventServer(() => {})
    }
  })

  it('finds no fault in what was stopped while it opened the port-forward', async () => {
    const stop = new AbortController()
    let calls = 0
    // The second call is the port-forward's.
    beforeCall = async () => {
      if (++calls === 2) stop.abort()
    }
    await assert.rejects(open().get('/x', {}, stop.signal), { name: 'AbortError' })
    assert.equal(calls, 2)
  })

  it('takes the connection down with the request', async () => {
    const gone = Promise.withResolvers<void>()
    const stop = new AbortController()
    handler = request => {
      request.socket.once('close', () => gone.resolve())
      stop.abort(new Error('enough'))
    }
    await assert.rejects(open().get('/x', {}, stop.signal), /enough/)
    await gone.promise
  })

  it('takes the connection down when its reader goes', async () => {
    const gone = Promise.withResolvers<void>()
    handler = (request, response) => {
      request.socket.once('close', () => gone.resolve())
      response.write('the first of many')
    }
    const stop = new AbortController()
    const { body } = await open().get('/x', {}, stop.signal)
    const reader = body!.getReader()
    await reader.read()
    stop.abort()
    await assert.rejects(reader.read())
    await gone.promise
  })

  it('breaks the body when the tunnel breaks', async () => {
    handler = (_, response) => void response.write('some')
    const { body } = await open().get('/x', {}, never)
    const reader = body!.getReader()
    await reader.read()
    cluster.forwards.cut()
    await assert.rejects(reader.read())
  })
})
