import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { PulltraceError } from '../lib/errors.ts'
import { openInCluster } from './in-cluster.ts'
import { openKubeApi } from './kube-api.ts'
import { openKubeconfig } from './kubeconfig.ts'

describe('credentials', () => {
  let dir: string

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'pulltrace-credentials-'))
  })

  afterEach(() => rmSync(dir, { recursive: true }))

  const write = (name: string, content: unknown): string => {
    const file = path.join(dir, name)
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
    return file
  }

  describe('openInCluster', () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' }

    beforeEach(() => {
      write('token', 'one\n')
      write('ca.crt', 'the authority')
      write('namespace', 'pulltrace-system')
    })

    it('takes server, namespace, authority and token from what every pod has', async () => {
      const cluster = openInCluster(env, dir)
      assert.deepEqual([cluster.serverUrl, cluster.namespace], ['https://10.0.0.1:443', 'pulltrace-system'])
      assert.deepEqual(await cluster.credentials(), {
        headers: { authorization: 'Bearer one' },
        tls: { ca: 'the authority' },
      })
    })

    it('puts an IPv6 address into brackets', () => {
      assert.equal(
        openInCluster({ ...env, KUBERNETES_SERVICE_HOST: 'fd00::1' }, dir).serverUrl,
        'https://[fd00::1]:443',
      )
    })

    it('reads the token again after a minute, and at once when it was refused', async () => {
      let nowMs = 0
      const cluster = openInCluster(env, dir, () => nowMs)
      const token = async () => (await cluster.credentials()).headers['authorization']
      assert.equal(await token(), 'Bearer one')
      write('token', 'two')
      nowMs = 59_999
      assert.equal(await token(), 'Bearer one')
      nowMs = 60_000
      assert.equal(await token(), 'Bearer two')
      write('token', 'three')
      cluster.refused()
      assert.equal(await token(), 'Bearer three')
    })

    it('says what to do when this is no pod', async () => {
      await assert.rejects(openKubeApi({ userAgent: 'x', env: {} }), {
        name: 'PulltraceError',
        code: 'invalid',
        message: /this is not a pod, and no kubeconfig is named/,
      })
    })

    it('says which file is not there when the pod has no token', () => {
      assert.throws(
        () => openInCluster(env, path.join(dir, 'none')),
        (error: PulltraceError) => {
          assert.match(error.message, /none\/namespace cannot be read: ENOENT/)
          assert.match(error.details.fix!, /automountServiceAccountToken/)
          return true
        },
      )
    })
  })

  describe('openKubeconfig', () => {
    const kubeconfig = (name: string, current = name) => ({
      clusters: [{ name, cluster: { server: `https://${name}.example:6443/`, 'tls-server-name': 'other.example' } }],
      users: [{ name, user: { token: `token of ${name}` } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: `ns-${name}` } }],
      'current-context': current,
    })

    it('takes server, namespace and token of the current context', async () => {
      const cluster = await openKubeconfig(write('a', kubeconfig('a')), undefined)
      assert.deepEqual([cluster.serverUrl, cluster.namespace], ['https://a.example:6443', 'ns-a'])
      const { headers, tls, agent } = await cluster.credentials()
      assert.deepEqual(headers, { Authorization: 'Bearer token of a' })
      assert.deepEqual(tls, { servername: 'other.example' })
      assert.equal(agent, undefined)
    })

    it('takes the context asked for, and from several files what the first says', async () => {
      const shadowed = { ...kubeconfig('a'), clusters: [{ name: 'a', cluster: { server: 'https://second.example' } }] }
      const files = [write('a', kubeconfig('a')), write('a2', shadowed), write('b', kubeconfig('b'))].join(
        path.delimiter,
      )
      assert.equal((await openKubeconfig(files, undefined)).serverUrl, 'https://a.example:6443')
      assert.equal((await openKubeconfig(files, 'b')).serverUrl, 'https://b.example:6443')
    })

    it('sends a user name and password, and whom to act as', async () => {
      const file = kubeconfig('a')
      const users = [{ name: 'a', user: { username: 'u', password: 'p', as: 'somebody' } }]
      const { headers } = await (await openKubeconfig(write('a', { ...file, users }), undefined)).credentials()
      assert.deepEqual(headers, { Authorization: 'Basic dTpw', 'Impersonate-User': 'somebody' })
    })

    it('goes through a proxy when the cluster names one', async () => {
      const file = kubeconfig('a')
      const clusters = [
        { name: 'a', cluster: { server: 'https://a.example', 'proxy-url': 'http://proxy.example:3128' } },
      ]
      const { agent } = await (await openKubeconfig(write('a', { ...file, clusters }), undefined)).credentials()
      assert.ok(agent)
    })

    for (const { name, content, context, message } of [
      { name: 'a file that is not there', content: undefined, context: undefined, message: /cannot be read: ENOENT/ },
      {
        name: 'a file that is no kubeconfig',
        content: { clusters: [{}] },
        context: undefined,
        message: /clusters\[0\].name is missing/,
      },
      { name: 'an empty file', content: '', context: undefined, message: /cannot be read/ },
      {
        name: 'no current context',
        content: kubeconfig('a', ''),
        context: undefined,
        message: /has no current context; it has 'a'/,
      },
      {
        name: 'a context that is not there',
        content: kubeconfig('a'),
        context: 'b',
        message: /has no context 'b'; it has 'a'/,
      },
      {
        name: 'a cluster that is not there',
        content: { ...kubeconfig('a'), clusters: [] },
        context: undefined,
        message: /names a cluster that is not there/,
      },
    ]) {
      it(`refuses ${name}`, async () => {
        const file = content === undefined ? path.join(dir, 'none') : write('config', content)
        await assert.rejects(openKubeconfig(file, context), { name: 'PulltraceError', code: 'invalid', message })
      })
    }
  })
})
