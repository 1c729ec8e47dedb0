import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { events, secrets } from '../../core/kube/resources.ts'
import { main } from '../main.ts'
import { buildEvent, buildPull, frame, type Handler, openEventServer, startStream } from '../watch/event-server.fake.ts'
import { openFakeCluster, serverPod } from './cluster.fake.ts'

describe('kubectl pulltrace', () => {
  let folder: string
  let server: Awaited<ReturnType<typeof openEventServer>>
  let cluster: Awaited<ReturnType<typeof openFakeCluster>>
  let handler: Handler
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-kubectl-test-'))
    server = await openEventServer((...request) => handler(...request))
    cluster = await openFakeCluster(server.port)
  })
  afterEach(async () => {
    await cluster.close()
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  interface Running {
    readonly user?: object
    readonly until?: string
    /** As Ctrl-C. */
    readonly interrupt?: AbortSignal
    /** Told of all output so far. */
    readonly seen?: (out: string) => unknown
  }

  /** Runs one command as kubectl does; it is stopped as by Ctrl-C when its output holds `until`. */
  async function run(argv: readonly string[], { user, until = '\0', seen, interrupt }: Running = {}) {
    const kubeconfig = path.join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, cluster.kubeconfig(user))
    const stop = new AbortController()
    const text = { out: '', err: '' }
    const stdout = new PassThrough().on('data', data => {
      text.out += data
      seen?.(text.out)
      if (text.out.includes(until)) stop.abort()
    })
    const stderr = new PassThrough().on('data', data => {
      text.err += data
    })
    const code = await main(argv, {
      env: { KUBECONFIG: kubeconfig },
      stdin: process.stdin,
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      stop: AbortSignal.any([stop.signal, AbortSignal.timeout(8000), ...(interrupt ? [interrupt] : [])]),
      kill: new AbortController().signal,
      calledAs: '/opt/krew/bin/kubectl-pulltrace',
    })
    await new Promise(setImmediate)
    return { code, ...text }
  }
  const token = (text: string) => ({
    metadata: { namespace: 'pulltrace-system', name: 'pulltrace-reader' },
    data: { token: Buffer.from(text).toString('base64') },
  })
  const stream: Handler = (_, response) => {
    startStream(response)
    response.write(frame({ id: 'e-1', data: buildEvent() }) + frame({ id: 'e-2', event: 'synced' }))
  }
  const empty: Handler = (_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ items: [], nextCursor: null }))
  }
  const sent = () => server.requests.map(({ url, headers }) => ({ url, authorization: headers.authorization }))

  it('streams through a port-forward, with the token of the Secret, of the namespace of the context', async () => {
    handler = stream
    cluster.put(serverPod())
    cluster.api.put(secrets, token('of-readers'))
    const { code, out, err } = await run(['watch'], { until: '\n' })
    assert.equal(code, 0, err)
    assert.match(out, /node-a registry.example.com\/team\/app:v1 downloading 62%/)
    assert.equal(err, 'pulltrace: pulls in namespace shop (-A: all)\n')
    assert.deepEqual(sent(), [{ url: '/api/v1/events?namespace=shop', authorization: 'Bearer of-readers' }])
    assert.equal(
      cluster.forwards.requests[0]!.path,
      '/api/v1/namespaces/pulltrace-system/pods/pulltrace-server-0/portforward?ports=8080',
    )
  })

  it('goes on where it was when the tunnel breaks', async () => {
    handler = (_, response, connection) => {
      startStream(response)
      const event = buildEvent(
        {},
        { downloadedBytes: connection, phase: connection === 1 ? 'downloading' : 'unpacking' },
      )
      response.write(`retry: 100\n\n${frame({ id: `e-${connection}`, data: event })}`)
    }
    cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
    const { out, err } = await run(['watch', '-A'], {
      until: 'unpacking',
      seen: out => !out.includes('unpacking') && cluster.forwards.cut(),
    })
    assert.match(out, /downloading[\s\S]*unpacking/)
    assert.match(err, /^pulltrace: connection lost: .*; trying again\npulltrace: connected again\n$/)
    assert.equal(server.requests[1]!.headers['last-event-id'], 'e-1')
    assert.equal(cluster.forwards.requests.length, 2)
  })

  it('tries again when an API server that came back refuses at first what it allowed before', async () => {
    handler = (_, response, connection) => {
      startStream(response)
      const event = buildEvent({}, { phase: connection === 1 ? 'downloading' : 'unpacking' })
      response.write(`retry: 100\n\n${frame({ id: `e-${connection}`, data: event })}`)
    }
    cluster.put(serverPod())
    cluster.api.put(secrets, token('of-readers'))
    let refusals = 0
    const { code, err } = await run(['watch', '-A'], {
      until: 'unpacking',
      seen: out => {
        if (out.includes('unpacking')) return
        cluster.api.fault = ({ path }) =>
          path.includes('/secrets/') && ++refusals < 3 ? { status: 403, reason: 'Forbidden', message: 'no' } : undefined
        cluster.forwards.cut()
      },
    })
    assert.equal(code, 0, err)
    assert.equal(refusals, 3)
    assert.match(err, /connected again\n$/)
  })

  it('asks for all namespaces where that is asked for', async () => {
    handler = empty
    cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
    assert.equal((await run(['history', '-A'])).out, 'No pulls match.\n')
    assert.equal((await run(['history', '-n', 'bar'])).out, 'No pulls match.\n')
    assert.equal((await run(['history'])).out, 'No pulls match in namespace shop (-A: all).\n')
    assert.deepEqual(sent(), [
      { url: '/api/v1/history?limit=50', authorization: undefined },
      { url: '/api/v1/history?limit=50&namespace=bar', authorization: undefined },
      { url: '/api/v1/history?limit=50&namespace=shop', authorization: undefined },
    ])
  })

  it('asks a server that was named for all namespaces, but for one with -n and without -A', async () => {
    handler = empty
    const named = ['history', '--server', server.url.origin]
    for (const more of [[], ['-n', 'bar'], ['-n', 'bar', '-A']]) await run([...named, ...more])
    assert.deepEqual(
      sent().map(({ url }) => url),
      ['/api/v1/history?limit=50', '/api/v1/history?limit=50&namespace=bar', '/api/v1/history?limit=50'],
    )
    assert.deepEqual(cluster.forwards.requests, [])
  })

  it('sends the own token to a server that asks the cluster who reads', async () => {
    handler = empty
    cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'kubernetes' }))
    await run(['history'])
    assert.equal(sent()[0]!.authorization, 'Bearer user-token')
  })

  for (const [what, user] of [
    ['there is only a client certificate', {}],
    ['somebody acts as another', { token: 'user-token', as: 'another' }],
  ] as const) {
    it(`sends a requested token where ${what}`, async () => {
      handler = empty
      cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'kubernetes' }))
      await run(['history'], { user })
      const bearer = sent()[0]!.authorization!.replace('Bearer ', '')
      const reviewed = cluster.api.review(bearer, ['pulltrace-server'])
      assert.equal(reviewed.user!.username, 'system:serviceaccount:pulltrace-system:pulltrace-reader')
    })
  }

  it('sends a token that was named, whatever the cluster would give', async () => {
    handler = empty
    cluster.put(serverPod())
    writeFileSync(path.join(folder, 'token'), 'my-own\n')
    await run(['history', '--token-file', path.join(folder, 'token')])
    assert.equal(sent()[0]!.authorization, 'Bearer my-own')
  })

  it('says which permission is missing, and who grants it', async () => {
    cluster.put(serverPod())
    const message = 'secrets "pulltrace-reader" is forbidden: User "u" cannot get resource "secrets" in API group ""'
    cluster.api.fault = ({ path }) =>
      path.includes('/secrets/') ? { status: 403, reason: 'Forbidden', message } : undefined
    const { code, err } = await run(['watch', '-A'])
    assert.equal(code, 4)
    assert.match(err, /refuses: secrets "pulltrace-reader" is forbidden: User "u" cannot get resource "secrets"/)
    assert.match(err, /\n {2}Role pulltrace-viewer grants it; .*kubectl -n pulltrace-system create rolebinding/)
  })

  for (const { name, put, code, err } of [
    {
      name: 'nothing is installed',
      code: 3,
      err: /no pod of pulltrace-server is in namespace pulltrace-system\n {2}apply a PulltraceConfig/,
    },
    {
      name: 'the server is not ready',
      put: () => cluster.put(serverPod({}, false)),
      code: 3,
      err: /no pod of pulltrace-server is ready: pulltrace-server-0 is Running but not Ready\n/,
    },
    {
      name: 'the Secret is not there',
      put: () => cluster.put(serverPod()),
      code: 3,
      err: /Secret pulltrace-system\/pulltrace-reader is not there\n/,
    },
  ]) {
    it(`says that ${name}`, async () => {
      put?.()
      const result = await run(['history'])
      assert.equal(result.code, code)
      assert.match(result.err, err)
    })
  }

  it('says that the server refuses the token', async () => {
    handler = (_, response) => void response.writeHead(401).end()
    cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
    const { code, err } = await run(['history'])
    assert.equal(code, 4)
    assert.match(err, /pulltrace-server in namespace pulltrace-system refused: it wants a token\n {2}give a token/)
  })

  for (const where of ['API server', 'server'] as const) {
    it(`ends without a word at Ctrl-C while the ${where} thinks`, async () => {
      cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
      const interrupt = new AbortController()
      handler = () => interrupt.abort()
      if (where === 'API server') {
        cluster.api.fault = () => {
          interrupt.abort()
          return 'hang'
        }
      }
      assert.deepEqual(await run(['history'], { interrupt: interrupt.signal }), { code: 0, out: '', err: '' })
    })
  }

  it('says that the API server is away', async () => {
    cluster.api.fault = () => 'reset'
    const { code, err } = await run(['history'])
    assert.equal(code, 3)
    assert.match(err, /the Kubernetes API server at http:\/\/127.0.0.1:\d+ cannot be reached: /)
  })

  describe('why', () => {
    const pod = (reason = 'ContainerCreating') => ({
      metadata: { namespace: 'shop', name: 'web' },
      spec: { nodeName: 'node-a', containers: [{ name: 'app', image: 'registry.example.com/team/app:v1' }] },
      status: {
        phase: 'Pending',
        containerStatuses: [
          { name: 'app', ready: false, restartCount: 0, image: '', imageID: '', state: { waiting: { reason } } },
        ],
      },
    })
    const pulling = {
      metadata: { namespace: 'shop', name: 'web.1' },
      involvedObject: { kind: 'Pod', namespace: 'shop', name: 'web', fieldPath: 'spec.containers{app}' },
      type: 'Normal',
      reason: 'Pulling',
      message: 'Pulling image "registry.example.com/team/app:v1"',
      lastTimestamp: '2026-11-21T10:00:00Z',
    }
    const waits = () => {
      const { uid = '' } = cluster.put(pod()).metadata!
      cluster.api.put(events, { ...pulling, involvedObject: { ...pulling.involvedObject, uid } })
    }

    it('asks API and server, and says how far the pull is', async () => {
      handler = ({ url }, response) => {
        response.setHeader('content-type', 'application/json')
        const pods = [{ namespace: 'shop', podName: 'web', container: 'app', certain: true }]
        const pulls = url!.includes('state=active') ? [buildPull({ pods })] : []
        response.end(JSON.stringify({ pulls, lastEventId: 'e-1', nextCursor: null }))
      }
      waits()
      cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
      const { code, out, err } = await run(['why', 'pod/web'])
      assert.equal(code, 0, err)
      assert.equal(
        out,
        'Pod shop/web on node-a waits for the image of container app, registry.example.com/team/app:v1: 62.0 of 100 MiB are here (62%), at 12.5 MiB/s, about 3s left; then it is unpacked.\n',
      )
      assert.deepEqual(
        sent().map(({ url }) => url),
        [
          '/api/v1/pulls?node=node-a&state=active&limit=5000',
          '/api/v1/pulls?namespace=shop&pod=web&state=finished&limit=50',
        ],
      )
      const json = JSON.parse((await run(['why', 'web', '-o', 'json'])).out)
      assert.equal(json.waitsFor, 'image')
      assert.equal(json.containers[0].pull.downloadedBytes, 62 * 1024 * 1024)
    })

    it('says what the API alone tells when there is no server', async () => {
      waits()
      const { code, out, err } = await run(['why', 'web'])
      assert.equal(code, 3)
      assert.match(
        out,
        /the kubelet asked for it .* ago, and how far it is cannot be told\. This is what the API alone tells: the server could not be asked \(no pod of pulltrace-server/,
      )
      assert.match(err, /^pulltrace: no pod of pulltrace-server/)
    })

    it('asks no server about what has nothing to do with images', async () => {
      cluster.put(pod('CrashLoopBackOff'))
      const { code, out } = await run(['why', 'web'])
      assert.equal(code, 0)
      assert.equal(
        out,
        'Pod shop/web on node-a waits for container app, and that has nothing to do with images: CrashLoopBackOff.\n',
      )
      assert.deepEqual(cluster.forwards.requests, [])
    })

    it('says that there is no such pod, or what is no pod', async () => {
      const missing = await run(['why', 'nope', '-n', 'other'])
      assert.equal(missing.code, 2)
      assert.match(missing.err, /there is no pod 'nope' in namespace 'other'\n {2}kubectl -n other get pods/)
      const none = await run(['why', '../x'])
      assert.equal(none.code, 2)
      assert.match(none.err, /'..\/x' is no pod's name/)
    })

    it('does without events that may not be read', async () => {
      cluster.put(pod('ErrImagePull'))
      cluster.put(serverPod({ PULLTRACE_READER_AUTH: 'none' }))
      handler = (_, response) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ pulls: [], lastEventId: 'e-1', nextCursor: null }))
      }
      cluster.api.fault = ({ path }) =>
        path.endsWith('/events') ? { status: 403, reason: 'Forbidden', message: 'no' } : undefined
      const { code, out, err } = await run(['why', 'web'])
      assert.equal(code, 4)
      assert.match(
        out,
        /the pull failed: the reason is not known.* This is what the API alone tells: its events could not be read\.\n$/,
      )
      assert.match(err, /`list` on events in namespace shop; ClusterRole view grants both/)
    })
  })
})
