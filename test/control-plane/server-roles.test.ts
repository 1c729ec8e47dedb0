import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { openKubeApi } from '../../core/kube/kube-api.ts'
import { EventRecorder } from '../../core/kube/recorder.ts'
import { newEvents } from '../../core/kube/resources.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { goodReport, post, type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { eventually } from '../eventually.ts'
import { agents, openScene, type Scene, system } from './operator-rig.ts'
import { asText, grantsOf, isUsed } from './used-grants.ts'

const manifests = parseAllDocuments(readFileSync('config/install.yaml', 'utf8')).map(document => document.toJS())
const account = `system:serviceaccount:${system}:pulltrace-server`

describe('the roles of the server', function () {
  this.timeout(60_000)
  let scene: Scene
  let server: RunningServer
  let kubeconfig: string

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    scene = await openScene()
    const settings = ['configmap', 'pulltrace-settings', `--namespace=${system}`, '--from-literal=reportInterval=3s']
    await scene.kubectl(['create', ...settings])
    await scene.kubectl(['create', 'namespace', 'shop'])
    await scene.kubectl(['apply', '--filename=-'], JSON.stringify(agentPod))
    kubeconfig = await scene.plane.addServiceAccount(system, 'pulltrace-server')
    server = await startServer({
      PULLTRACE_AGENT_AUTH: 'kubernetes',
      PULLTRACE_READER_AUTH: 'kubernetes',
      PULLTRACE_WATCH_PODS: 'true',
      PULLTRACE_SETTINGS_CONFIGMAP: `${system}/pulltrace-settings`,
      PULLTRACE_KUBECONFIG: kubeconfig,
    })
  })
  after(async () => {
    await server?.stop()
    await scene?.[Symbol.asyncDispose]()
  })

  const token = async (namespace: string, name: string, ...args: string[]) =>
    (await scene.kubectl(['create', 'token', name, `--namespace=${namespace}`, ...args])).trim()
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` })
  const asked = async () => (await scene.plane.auditEvents()).filter(({ user }) => user.username === account)

  it('are enough for all that it does', async () => {
    const bound = ['--audience=pulltrace-server', '--bound-object-kind=Pod', '--bound-object-name=agent-a']
    const agent = await token(agents, 'pulltrace-agent', ...bound)
    const report = await post(`${server.url}/api/v1/report`, goodReport(1, { nodeName: 'node-a' }), bearer(agent))
    assert.equal(report.status, 200)
    assert.equal(((await report.json()) as { reportIntervalMs: number }).reportIntervalMs, 3000)

    const reader = await token(system, 'pulltrace-reader', '--audience=pulltrace-server')
    const read = await fetch(`${server.url}/api/v1/pulls`, { headers: bearer(reader) })
    assert.equal(read.status, 200)

    await tellPod()
    await eventually('pods and events are watched', async () => {
      const watches = (await asked()).filter(({ verb }) => verb === 'watch').map(({ objectRef }) => objectRef?.resource)
      return ['pods', 'events', 'configmaps'].every(resource => watches.includes(resource)) ? true : undefined
    })
    const refused = (await asked()).filter(({ responseStatus }) => responseStatus?.code === 403)
    assert.deepEqual(
      refused.map(({ verb, requestURI }) => `${verb} ${path.basename(requestURI)}`),
      [],
    )
  })

  /** A pull must stall for two minutes before the server does this; here its recorder does it as the server. */
  async function tellPod() {
    const api = await openKubeApi({ kubeconfigFile: kubeconfig, userAgent: 'pulltrace-test' })
    const recorder = new EventRecorder({
      api,
      controller: 'pulltrace.dev/server',
      instance: 'pulltrace-server-0',
      clock: systemClock,
      log: silentLogger,
    })
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'web', uid: 'u-1' } }
    recorder.event(pod, 'Warning', 'PullStalled', 'no byte for 2 minutes')
    await recorder.close()
    api.close()
    const { items } = await scene.api.list(newEvents, { namespace: 'shop' })
    assert.deepEqual(
      items.map(({ reason }) => reason),
      ['PullStalled'],
    )
  }

  it('have no rule that it does not use', async () => {
    const events = await asked()
    const grants = grantsOf(manifests, system, 'pulltrace-server')
    assert.ok(grants.length > 8)
    assert.deepEqual(grants.filter(grant => !isUsed(grant, events)).map(asText), [])
  })

  it('can be bound in some namespaces only, when no other is watched', async () => {
    await server.stop()
    await scene.kubectl(['delete', 'clusterrolebinding', 'pulltrace-server-pods'])
    const role = ['--clusterrole=pulltrace-server-pods', `--serviceaccount=${system}:pulltrace-server`]
    await scene.kubectl(['create', 'rolebinding', 'pulltrace-server-pods', '--namespace=shop', ...role])
    // Roles are judged by what a watch has brought, a moment after they were bound.
    const may = ['auth', 'can-i', 'watch', 'pods', '--namespace=shop', `--as=${account}`]
    await eventually('the role is bound', async () => (await scene.plane.kubectl(may)).code === 0)
    const before = (await asked()).length
    server = await startServer({
      PULLTRACE_WATCH_PODS: 'true',
      PULLTRACE_WATCH_NAMESPACES: 'shop',
      PULLTRACE_KUBECONFIG: kubeconfig,
    })
    await eventually('both are watched', async () => {
      const now = (await asked()).slice(before)
      assert.ok(!now.some(({ responseStatus }) => responseStatus?.code === 403))
      const watches = now.filter(({ verb, objectRef }) => verb === 'watch' && objectRef?.namespace === 'shop')
      return ['pods', 'events'].every(kind => watches.some(({ objectRef }) => objectRef?.resource === kind))
        ? true
        : undefined
    })
  })
})

/** With a node, so that its token names one. */
const agentPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'agent-a', namespace: agents },
  spec: {
    nodeName: 'node-a',
    serviceAccountName: 'pulltrace-agent',
    containers: [{ name: 'agent', image: 'registry.example.com/pulltrace:test' }],
  },
}
