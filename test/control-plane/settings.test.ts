import assert from 'node:assert/strict'
import { goodReport, post, type RunningServer, startServer } from '../../server/pulltrace/start-server.fake.ts'
import { type ControlPlane, startControlPlane } from '../cluster/control-plane.ts'

const name = 'pulltrace-settings'
const inSystem = { namespace: 'pulltrace-system' }

/** Beside what is shipped, which says what the server may read. */
const objects = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...inSystem, name }, data: { reportInterval: '2s' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...inSystem, name: 'another' }, data: { reportInterval: '9s' } },
]

describe('the report interval in a real cluster', function () {
  this.timeout(120_000)
  let plane: ControlPlane
  let server: RunningServer
  let env: Record<string, string>

  before(async function () {
    this.timeout(1_200_000) // The first time, Kubernetes is built.
    plane = await startControlPlane()
    for (const folder of ['namespaces', 'rbac']) await kubectl(['apply', '-k', `config/${folder}`])
    const list = JSON.stringify({ kind: 'List', apiVersion: 'v1', items: objects })
    await kubectl(['apply', '--validate=false', '-f', '-'], list)
    env = {
      PULLTRACE_SETTINGS_CONFIGMAP: `${inSystem.namespace}/${name}`,
      PULLTRACE_KUBECONFIG: await plane.addServiceAccount(inSystem.namespace, 'pulltrace-server'),
      // Nothing below may be explained by it.
      PULLTRACE_REPORT_INTERVAL: '7s',
    }
    server = await startServer(env)
  })
  after(async () => {
    await server?.stop()
    await plane?.stop()
  })

  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const patch = (data: Record<string, string | null>) =>
    kubectl(['patch', 'configmap', name, `--namespace=${inSystem.namespace}`, '--patch', JSON.stringify({ data })])
  let seq = 0
  /** The intervals that an agent is told. */
  const told = async (from = server) => {
    const answer = await post(`${from.url}/api/v1/report`, goodReport(++seq))
    const { reportIntervalMs, idleReportIntervalMs } = (await answer.json()) as Record<string, number>
    return [reportIntervalMs, idleReportIntervalMs]
  }
  /** Reports until an agent is told this. After an API server was away, a watch comes back within 30 s. */
  const untilTold = async (intervals: readonly number[]) => {
    const from = performance.now()
    while (String(await told()) !== String(intervals))
      assert.ok(performance.now() - from < 40_000, String(await told()))
    return performance.now() - from
  }
  const metric = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${server.metricsUrl}/metrics`)).text())?.[1])

  it('is in the first answer of a server that starts', async () => assert.deepEqual(await told(), [2000, 2000]))

  it('is in the answers as soon as the ConfigMap changes', async () => {
    await patch({ reportInterval: '500ms', idleReportInterval: '10s' })
    const tookMs = await untilTold([500, 10_000])
    assert.ok(tookMs < 2000, `${tookMs} ms`)
    assert.equal(await metric('pulltrace_report_interval_seconds'), 0.5)
    assert.equal(await metric('pulltrace_idle_report_interval_seconds'), 10)
  })

  it('stays as it was under a value that cannot be, which is said and counted', async () => {
    await patch({ reportInterval: '1ms' })
    while ((await metric('pulltrace_settings_refused')) !== 1) assert.deepEqual(await told(), [500, 10_000])
    assert.deepEqual(await told(), [500, 10_000])
    const refused = server.logged.find(({ message }) => message.startsWith('settings refused'))
    assert.match(String(refused?.fields?.['faults']), /`data.reportInterval` must be a duration .* got "1ms"/)
    await patch({ reportInterval: '1s', idleReportInterval: null })
    await untilTold([1000, 1000])
    assert.equal(await metric('pulltrace_settings_refused'), 0)
  })

  it('is in the first answer after a restart of the server', async () => {
    await server.stop()
    server = await startServer(env)
    assert.deepEqual(await told(), [1000, 1000])
  })

  it('needs no more than the one object: the server may read no other', async () => {
    const events = await plane.auditEvents()
    const account = 'system:serviceaccount:pulltrace-system:pulltrace-server'
    const asked = events.filter(({ user }) => user.username === account)
    assert.ok(asked.some(({ verb }) => verb === 'watch'))
    assert.deepEqual([...new Set(asked.map(({ responseStatus }) => responseStatus?.code))], [200])
    assert.deepEqual(
      [...new Set(asked.map(({ objectRef }) => `${objectRef?.resource}/${objectRef?.name}`))],
      [`configmaps/${name}`],
    )
  })

  it('stays in force while the API server is away, and follows once it is back', async () => {
    await plane.killApiServer()
    assert.deepEqual(await told(), [1000, 1000])
    await plane.restartApiServer()
    await patch({ reportInterval: '3s' })
    await untilTold([3000, 3000])
  })
})
