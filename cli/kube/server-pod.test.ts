import assert from 'node:assert/strict'
import { serverPod } from './cluster.fake.ts'
import { serverPodOf } from './server-pod.ts'

describe('serverPodOf', () => {
  const named = (name: string, creationTimestamp: string, ready = true) => {
    const pod = serverPod({}, ready)
    return { ...pod, metadata: { ...pod.metadata, name, creationTimestamp } }
  }

  it('takes the newest that is ready', () => {
    const pods = [
      named('old', '2026-01-01T00:00:00Z'),
      named('new', '2026-01-02T00:00:00Z'),
      named('unready', '2026-01-03T00:00:00Z', false),
    ]
    assert.equal(serverPodOf('n', pods).pod, 'new')
  })

  it('takes none that goes', () => {
    const pod = serverPod()
    const going = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    assert.throws(
      () => serverPodOf('n', [going]),
      /no pod of pulltrace-server is ready: pulltrace-server-0 is being deleted/,
    )
  })

  for (const [setting, readerAuth] of [
    [undefined, 'token'],
    ['none', 'none'],
    ['kubernetes', 'kubernetes'],
    ['what comes later', 'token'],
  ] as const) {
    it(`reads in its settings that readers prove themselves by ${readerAuth}, from ${setting}`, () => {
      const env: Record<string, string> = setting === undefined ? {} : { PULLTRACE_READER_AUTH: setting }
      assert.deepEqual(serverPodOf('n', [serverPod(env)]), {
        namespace: 'n',
        pod: 'pulltrace-server-0',
        port: 8080,
        tls: false,
        readerAuth,
      })
    })
  }

  it('reads in its settings that it has TLS', () => {
    assert.equal(serverPodOf('n', [serverPod({ PULLTRACE_TLS_CERT_FILE: '/x' })]).tls, true)
  })

  it('says that it does not know a pod without the port', () => {
    const pod = { ...serverPod(), spec: { containers: [{ name: 'server', ports: [] }] } }
    assert.throws(() => serverPodOf('n', [pod]), /pod n\/pulltrace-server-0 has no port named 'http'/)
  })
})
