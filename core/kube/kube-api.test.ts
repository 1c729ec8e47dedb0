import assert from 'node:assert/strict'
import { FakeApiServer, type Fault } from './api-server.fake.ts'
import type { Cluster } from './cluster.ts'
import { type KubeApi, kubeApiOf } from './kube-api.ts'
import type { V1ConfigMap } from './objects.ts'
import { queryOf, resourcePath } from './path.ts'
import { configMaps, daemonSets, nodes } from './resources.ts'
import { until } from './until.fake.ts'

describe('resourcePath', () => {
  for (const { name, path, is } of [
    {
      name: 'the core group',
      path: () => resourcePath(configMaps, { namespace: 'a', name: 'b' }),
      is: '/api/v1/namespaces/a/configmaps/b',
    },
    {
      name: 'another group',
      path: () => resourcePath(daemonSets, { namespace: 'a' }),
      is: '/apis/apps/v1/namespaces/a/daemonsets',
    },
    { name: 'all namespaces', path: () => resourcePath(configMaps, {}), is: '/api/v1/configmaps' },
    {
      name: 'what has no namespace',
      path: () => resourcePath(nodes, { namespace: 'a', name: 'n' }),
      is: '/api/v1/nodes/n',
    },
    {
      name: 'a subresource',
      path: () => resourcePath(nodes, { name: 'n', subresource: 'status' }),
      is: '/api/v1/nodes/n/status',
    },
    {
      name: 'a name with a slash',
      path: () => resourcePath(nodes, { name: '../pods' }),
      is: '/api/v1/nodes/..%2Fpods',
    },
  ]) {
    it(`names ${name}`, () => assert.equal(path(), is))
  }

  for (const name of ['', '.', '..']) {
    it(`refuses '${name}' for a name, as it would lead elsewhere`, () => {
      assert.throws(() => resourcePath(nodes, { name }), /may not be a name/)
      assert.throws(() => resourcePath(configMaps, { namespace: name, name: 'x' }), /may not be a name/)
    })
  }

  it('leaves out what is undefined in a query, and escapes the rest', () => {
    assert.equal(queryOf({ a: undefined }), '')
    assert.equal(
      queryOf({ labelSelector: 'a=b,c', limit: 5, watch: true }),
      '?labelSelector=a%3Db%2Cc&limit=5&watch=true',
    )
  })
})

describe('KubeApi', () => {
  let server: FakeApiServer
  let api: KubeApi
  let answered: [string, number][]
  let token: string
  let refusals: number

  beforeEach(async () => {
    server = await FakeApiServer.start()
    answered = []
    token = 'good'
    refusals = 0
    const cluster: Cluster = {
      serverUrl: server.url,
      namespace: 'mine',
      credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, tls: {} }),
      refused: () => {
        refusals++
        token = 'renewed'
      },
    }
    api = kubeApiOf(cluster, {
      userAgent: 'pulltrace-test/1',
      answered: (method, status) => answered.push([method, status]),
    })
  })

  afterEach(async () => {
    api.close()
    await server[Symbol.asyncDispose]()
  })

  const made = (name = 'a'): V1ConfigMap => ({ metadata: { name } })
  const faultOnce = (fault: Fault) => {
    server.fault = () => {
      server.fault = () => undefined
      return fault
    }
  }

  it('is in its own namespace unless the object or the caller says another', async () => {
    await api.get(configMaps, 'a')
    await api.get(configMaps, 'a', { namespace: 'theirs' })
    await api.create(configMaps, { metadata: { name: 'a', namespace: 'objects' } })
    await api.list(configMaps)
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      [
        '/api/v1/namespaces/mine/configmaps/a',
        '/api/v1/namespaces/theirs/configmaps/a',
        '/api/v1/namespaces/objects/configmaps',
        '/api/v1/configmaps',
      ],
    )
  })

  it('says who it is, and names kind and version of what it writes', async () => {
    await api.apply(configMaps, made(), { fieldManager: 'me', force: true })
    const { headers, method, query } = server.requests[0]!
    assert.equal(headers['user-agent'], 'pulltrace-test/1')
    assert.equal(headers.authorization, 'Bearer good')
    assert.equal(headers['content-type'], 'application/apply-patch+yaml')
    assert.deepEqual([method, query.get('fieldManager'), query.get('force')], ['PATCH', 'me', 'true'])
    const { apiVersion, kind } = server.find(configMaps, 'mine/a')!
    assert.deepEqual([apiVersion, kind], ['v1', 'ConfigMap'])
  })

  it('writes the status alone when asked to', async () => {
    await api.create(nodes, { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.0/24' } })
    const status = { phase: 'Running' }
    await api.apply(nodes, { metadata: { name: 'n' }, status }, { fieldManager: 'me', subresource: 'status' })
    assert.deepEqual(server.find(nodes, 'n')?.spec, { podCIDR: '10.0.0.0/24' })
    assert.deepEqual(server.find(nodes, 'n')?.status, status)
    assert.equal(server.requests[1]!.path, '/api/v1/nodes/n/status')
  })

  it('uses one connection for one call after another', async () => {
    const ports = new Set<number | undefined>()
    server.connected = socket => ports.add(socket.remotePort)
    for (let call = 0; call < 5; call++) await api.get(configMaps, 'a')
    assert.equal(ports.size, 1)
  })

  describe('errors', () => {
    it('have the status, the reason and the words of the server, and what was asked', async () => {
      faultOnce({ status: 403, reason: 'Forbidden', message: 'User "x" cannot get' })
      await assert.rejects(api.get(configMaps, 'a'), {
        name: 'KubeError',
        status: 403,
        reason: 'Forbidden',
        message: 'GET /api/v1/namespaces/mine/configmaps/a: 403 Forbidden: User "x" cannot get',
      })
    })

    it('have how long the server wants to be left alone', async () => {
      faultOnce({ status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3 })
      await assert.rejects(api.get(configMaps, 'a'), { status: 429, retryAfterMs: 3000 })
    })

    it('are of reason Unreachable when nobody listens', async () => {
      await server[Symbol.asyncDispose]()
      await assert.rejects(api.get(configMaps, 'a'), { status: 0, reason: 'Unreachable', message: /ECONNREFUSED/ })
      server = await FakeApiServer.start()
    })

    it("are the signal's own reason when it aborts", async () => {
      server.fault = () => 'hang'
      const stop = new AbortController()
      const calls = [
        api.get(configMaps, 'a', { signal: stop.signal }),
        api.watch(configMaps, { resourceVersion: '1', timeoutSeconds: 300, signal: stop.signal }),
      ]
      await until('both are asked', () => server.requests.length === 2)
      stop.abort(new Error('enough'))
      for (const call of calls) await assert.rejects(call, /enough/)
      await assert.rejects(api.get(configMaps, 'a', { signal: stop.signal }), /enough/)
      assert.equal(server.requests.length, 2)
    })

    it('say NoCredentials when there are none to send', async () => {
      const cluster: Cluster = {
        serverUrl: server.url,
        namespace: 'mine',
        credentials: async () => assert.fail('the plugin failed'),
        refused() {},
      }
      const without = kubeApiOf(cluster, { userAgent: 'x' })
      await assert.rejects(without.get(configMaps, 'a'), {
        status: 0,
        reason: 'NoCredentials',
        message: /the plugin failed/,
      })
      assert.equal(server.requests.length, 0)
    })
  })

  describe('a second try', () => {
    it('is made with new credentials after a 401, once', async () => {
      server.callers = new Set(['renewed'])
      assert.equal(await api.get(configMaps, 'a'), undefined)
      assert.equal(refusals, 1)
      server.callers = new Set()
      await assert.rejects(api.get(configMaps, 'a'), { status: 401 })
      assert.equal(server.requests.length, 4)
      assert.deepEqual(
        answered.map(([, status]) => status),
        [401, 404, 401, 401],
      )
    })

    it('is made when the server closed an idle connection as the call was sent', async () => {
      await api.get(configMaps, 'a')
      faultOnce('reset')
      assert.equal(await api.get(configMaps, 'a'), undefined)
      assert.equal(server.requests.length, 3)
    })

    it('is not made of what makes something, as two might be made', async () => {
      await api.get(configMaps, 'a')
      faultOnce('reset')
      await assert.rejects(api.create(configMaps, made()), { status: 0 })
      assert.equal(server.requests.length, 2)
    })

    it('is not made after any other answer', async () => {
      server.fault = () => ({ status: 503 })
      await assert.rejects(api.get(configMaps, 'a'), { status: 503 })
      assert.equal(server.requests.length, 1)
    })
  })

  it('tells of each request its method and status, also of one that had no answer', async () => {
    await api.create(configMaps, made())
    faultOnce('reset')
    await assert.rejects(api.create(configMaps, made('b')))
    assert.deepEqual(answered, [
      ['POST', 201],
      ['POST', 0],
    ])
  })
})
