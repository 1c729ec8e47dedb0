import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describeKubeApi } from '../../core/kube/conformance.ts'
import { openInCluster } from '../../core/kube/in-cluster.ts'
import { type KubeApi, kubeApiOf, openKubeApi } from '../../core/kube/kube-api.ts'
import type { V1ConfigMap } from '../../core/kube/objects.ts'
import { Reflector } from '../../core/kube/reflector.ts'
import { configMaps, serviceAccounts } from '../../core/kube/resources.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'
import { openApiRelay } from './api-relay.ts'

const userAgent = 'pulltrace-test'
const namespace = 'default'

describe('core/kube on a real API server', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  let admin: KubeApi

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane()
    admin = await openKubeApi({ kubeconfigFile: plane.kubeconfig(), userAgent })
  })

  after(async () => {
    admin?.close()
    await plane?.stop()
  })

  describeKubeApi(() => openKubeApi({ kubeconfigFile: plane.kubeconfig(), userAgent }))

  describe('credentials', () => {
    it('are a client certificate of a kubeconfig', async () => {
      await plane.addUser('anna', ['system:masters'])
      const api = await openKubeApi({ kubeconfigFile: plane.kubeconfig('anna'), userAgent })
      assert.ok((await api.list(configMaps, { namespace: 'kube-system' })).resourceVersion)
      api.close()
    })

    it('are what an exec plugin of a kubeconfig prints', async () => {
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: plane.tokenOf('admin') },
      }
      const printed = path.join(plane.dir, 'credential.json')
      writeFileSync(printed, JSON.stringify(credential))
      const config = JSON.parse(readFileSync(plane.kubeconfig(), 'utf8'))
      const { apiVersion } = credential
      // As some plugins do, it works only when it is asked for a credential of this version.
      const script = `echo "$KUBERNETES_EXEC_INFO" | grep -q '"${apiVersion}"' && cat ${printed}`
      config.users[0].user = { exec: { apiVersion, command: 'sh', args: ['-c', script], interactiveMode: 'Never' } }
      const kubeconfigFile = path.join(plane.dir, 'exec.kubeconfig')
      writeFileSync(kubeconfigFile, JSON.stringify(config))
      const api = await openKubeApi({ kubeconfigFile, userAgent })
      assert.ok((await api.list(configMaps, { namespace: 'kube-system' })).resourceVersion)
      api.close()
    })

    it('say what is forbidden, and to whom', async () => {
      await plane.addUser('nobody')
      const api = await openKubeApi({ kubeconfigFile: plane.kubeconfig('nobody'), userAgent })
      await assert.rejects(api.list(configMaps), {
        status: 403,
        reason: 'Forbidden',
        message: /User "nobody" cannot list resource "configmaps"/,
      })
      api.close()
    })

    it("are a ServiceAccount's in a pod, and its next token as soon as the old one is refused", async () => {
      const name = 'renewed'
      const dir = path.join(plane.dir, 'service-account')
      mkdirSync(dir)
      const issue = async () => {
        await admin.create(serviceAccounts, { metadata: { name, namespace } })
        const { token } = await admin.createToken(namespace, name, { audiences: [], expirationSeconds: 600 })
        writeFileSync(path.join(dir, 'token'), token)
      }
      await issue()
      writeFileSync(path.join(dir, 'ca.crt'), readFileSync(plane.authorityFile))
      writeFileSync(path.join(dir, 'namespace'), namespace)
      const { hostname, port } = new URL(plane.url)
      const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
      const answered: number[] = []
      const pod = kubeApiOf(openInCluster(env, dir), {
        userAgent,
        answered: (_method, status) => answered.push(status),
      })
      assert.equal(pod.namespace, namespace)
      const ask = () => pod.get(configMaps, 'any').catch(({ status }: { status: number }) => status)
      assert.equal(await ask(), 403)

      await admin.delete(serviceAccounts, name, { namespace })
      // The API server remembers a good token for some seconds.
      await eventually('the old token is refused', async () => (await ask()) === 401)
      await issue()
      answered.length = 0
      assert.equal(await ask(), 403)
      assert.deepEqual(answered, [401, 403])
      pod.close()
    })
  })

  describe('Reflector', () => {
    let stop: AbortController
    let running: Promise<void>

    /** Holds the values of ConfigMaps with the label; `watch` may be held up. */
    async function reflect(api: Pick<KubeApi, 'list' | 'watch'>, label: string) {
      const lists: unknown[] = []
      const reflector = new Reflector<V1ConfigMap, string>({
        api: {
          list: (...args) => {
            lists.push(args)
            return api.list(...args)
          },
          watch: api.watch,
        },
        resource: configMaps,
        namespace,
        labelSelector: `of=${label}`,
        keep: ({ data }) => data?.['value'],
        changed: () => {},
        clock: systemClock,
        log: silentLogger,
      })
      stop = new AbortController()
      running = reflector.run(stop.signal)
      await reflector.whenSynced()
      return { reflector, lists }
    }

    const set = (of: string, value: string, name = of) =>
      admin.apply(
        configMaps,
        { metadata: { name, namespace, labels: { of } }, data: { value } },
        { fieldManager: 'test' },
      )

    afterEach(async () => {
      stop.abort()
      await running
    })

    it('goes on after the API server was killed and started again', async () => {
      await set('restart', '1')
      const { reflector, lists } = await reflect(admin, 'restart')
      await plane.killApiServer()
      await plane.restartApiServer()
      await set('restart', '2')
      await eventually('the change is seen', async () => reflector.get('default/restart') === '2')
      assert.ok(lists.length <= 2, `${lists.length} lists`)
    })

    it('goes on after each watch was cut', async () => {
      await using relay = await openApiRelay(plane)
      const api = await openKubeApi({ kubeconfigFile: relay.kubeconfig(), userAgent })
      const { reflector, lists } = await reflect(api, 'cut')
      for (const value of ['1', '2', '3']) {
        await eventually('a watch is open', async () => relay.cutWatches() > 0)
        await set('cut', value)
        await eventually('the change is seen', async () => reflector.get('default/cut') === value)
      }
      assert.equal(lists.length, 1)
      stop.abort()
      await running
      api.close()
    })

    it('lists again, and tells the differences, when etcd has forgotten its place (410)', async () => {
      await set('gone', '1')
      await set('gone', '1', 'gone-2')
      const opened = Promise.withResolvers<void>()
      const held = Promise.withResolvers<void>()
      const answers: unknown[] = []
      const api: Pick<KubeApi, 'list' | 'watch'> = {
        list: admin.list,
        watch: async (...args) => {
          opened.resolve()
          await held.promise
          return recorded(await admin.watch(...args), answers)
        },
      }
      const { reflector, lists } = await reflect(api, 'gone')
      await opened.promise
      const old = await admin.get(configMaps, 'gone-2', { namespace })
      await set('gone', '2')
      await admin.delete(configMaps, 'gone-2', { namespace })
      await plane.compactEtcd()
      await plane.restartApiServer()
      held.resolve()
      await eventually('the change is seen', async () => reflector.get('default/gone') === '2')
      assert.ok(old)
      assert.equal(reflector.get('default/gone-2'), undefined)
      assert.equal(lists.length, 2)
      assert.match(answers.join(''), /"code":410/)
    })
  })
})

/** Passes the bytes on, and keeps what they say. */
async function* recorded(bytes: AsyncIterable<Uint8Array>, into: unknown[]): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    into.push(Buffer.from(chunk).toString())
    yield chunk
  }
}

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const limitMs = performance.now() + 40_000
  while (!(await holds())) {
    if (performance.now() > limitMs) throw new Error(`not within 40 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
