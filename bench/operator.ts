import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { configMaps, daemonSets } from '../core/kube/resources.ts'
import {
  agents,
  applyConfig,
  clear,
  openScene,
  operatorAccount,
  type Scene,
  system,
  untilMade,
  untilReason,
} from '../test/control-plane/operator-rig.ts'
import { type Child, startChild, waitUntil } from '../test/rig/child.ts'

/**
 * The operator as shipped (its bundle, its ServiceAccount, its roles) against a real API server: how soon it acts, and
 * what it costs when there is nothing to do. Needs root, for a mount namespace in which it finds its ServiceAccount.
 * SAMPLES (default 50) and IDLE_SECONDS (default 600) make it shorter. First: `node build/bundle.ts`.
 */
const samples = Number(process.env['SAMPLES'] ?? 50)
const idleSeconds = Number(process.env['IDLE_SECONDS'] ?? 600)
const bundle = path.resolve('dist/pulltrace-operator.mjs')

await using scene = await openScene()
const operator = await startAsPod(scene)
const applied: number[] = []
const patched: number[] = []
for (let sample = 0; sample < samples; sample++) {
  applied.push(
    await timed(
      () => applyConfig(scene.api),
      () => scene.api.get(daemonSets, 'pulltrace-agent', { namespace: agents }),
    ),
  )
  await untilMade(scene.api)
  await untilReason(scene.api, 'Reconciling', 'RollingOut')
  const interval = `${1000 + sample}ms`
  patched.push(
    await timed(
      () => applyConfig(scene.api, { reportInterval: interval }),
      async () => {
        const settings = await scene.api.get(configMaps, 'pulltrace-settings', { namespace: system })
        return settings?.data?.['reportInterval'] === interval ? settings : undefined
      },
    ),
  )
  await clear(scene)
}
await applyConfig(scene.api)
await untilMade(scene.api)
await untilReason(scene.api, 'Reconciling', 'RollingOut')

// What the start and the samples left behind is not idle.
await delay(Math.min(30_000, idleSeconds * 100))
const before = { cpuMs: cpuMsOf(operator.pid), asked: await asked(scene), atMs: performance.now() }
await delay(idleSeconds * 1000)
const hours = (performance.now() - before.atMs) / 3_600_000
const cpuMs = cpuMsOf(operator.pid) - before.cpuMs
const requests = (await asked(scene)).slice(before.asked.length)
const leases = requests.filter(({ objectRef }) => objectRef?.resource === 'leases').length
const memory = memoryOf(operator.pid)
await operator.end('SIGTERM')

const row = (what: string, times: number[]) =>
  `| ${what} | ${quantile(times, 0.5)} ms | ${quantile(times, 0.99)} ms | ${times.length} |`
const perHour = (count: number) => Math.round(count / hours)
console.log(`| from a write by a user to | p50 | p99 | samples |
| --- | --- | --- | --- |
${row('the DaemonSet, of a new PulltraceConfig', applied)}
${row('the ConfigMap that the server watches, of a new interval', patched)}

| idle for ${idleSeconds} s | |
| --- | --- |
| CPU | ${(cpuMs / 10 / (hours * 3600)).toFixed(2)} % of a core |
| RSS, of it anonymous | ${memory.rss} MiB, ${memory.anonymous} MiB |
| requests an hour, without renewing the Lease | ${perHour(requests.length - leases)} |
| renewals of the Lease an hour | ${perHour(leases)} |`)

/** A process in a mount namespace of its own, where the files of a pod's ServiceAccount are. Nothing of it stays. */
async function startAsPod({ plane }: Scene): Promise<Child> {
  await plane.addServiceAccount(system, 'pulltrace-operator')
  const files = path.join(plane.dir, 'serviceaccount')
  await mkdir(files)
  await writeFile(path.join(files, 'token'), plane.tokenOf(operatorAccount))
  await writeFile(path.join(files, 'ca.crt'), readFileSync(plane.authorityFile))
  await writeFile(path.join(files, 'namespace'), system)
  const target = '/run/secrets/kubernetes.io/serviceaccount'
  const inside = `mount -t tmpfs none /run && mkdir -p ${target} && cp ${files}/* ${target} && exec "$@"`
  const { hostname, port } = new URL(plane.url)
  const child = await startChild(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', inside, 'pod', process.execPath, bundle],
    path.join(plane.dir, `operator-${randomUUID()}.log`),
    {
      PATH: process.env['PATH'],
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      PULLTRACE_IMAGE: 'registry.example.com/pulltrace:bench',
      PULLTRACE_OPERATOR_METRICS_ADDR: '127.0.0.1:0',
    },
  )
  await waitUntil(child, async () => (child.log().includes('in sync with the cluster') ? true : undefined))
  return child
}

async function timed(act: () => Promise<unknown>, seen: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now()
  await act()
  while (!(await seen())) {
    if (performance.now() - startMs > 30_000) throw new Error('not seen within 30 s')
  }
  return performance.now() - startMs
}

async function asked({ plane }: Scene) {
  const events = await plane.auditEvents()
  // A watch stands twice: it is counted when it begins.
  const isEnd = ({ verb, stage }: { verb: string; stage: string }) => verb === 'watch' && stage === 'ResponseComplete'
  return events.filter(event => event.user.username === operatorAccount && !isEnd(event))
}

/** User and system time, of the kernel's ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function memoryOf(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (name: string) => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024).toFixed(1)
  return { rss: mebibytes('VmRSS'), anonymous: mebibytes('RssAnon') }
}

function quantile(times: readonly number[], share: number): number {
  const sorted = times.toSorted((one, other) => one - other)
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!)
}
