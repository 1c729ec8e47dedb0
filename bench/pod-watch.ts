import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { FakeApiServer } from '../core/kube/api-server.fake.ts'
import { FakeKubelet } from '../server/pulltrace/pods/kubelet.fake.ts'
import { startMeasured, table } from './measure.ts'

/**
 * What watching pods costs the server, with up to 10,000 pods on 100 nodes and the events of their last hour. The API server
 * is a stand-in, in this process: its work is not in the figures.
 */
const nodes = 100
const idleSeconds = 10
const churnSeconds = 20
const churnPerSecond = 20
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

interface Row {
  readonly name: string
  readonly watched: boolean
  readonly pods: number
  readonly pending: number
}

const rows: readonly Row[] = [
  { name: 'not watched', watched: false, pods: 0, pending: 0 },
  { name: 'watched, none', watched: true, pods: 0, pending: 0 },
  { name: '10,000, of which 50 wait', watched: true, pods: 10_000, pending: 50 },
  { name: '10,000 that all wait', watched: true, pods: 10_000, pending: 10_000 },
]
const columns = ['pods', 'live', 'RSS', 'CPU until synced', 'CPU idle', 'CPU per pod that comes and goes']
const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-pod-watch-'))
try {
  const figures: string[][] = []
  for (const row of rows) figures.push(await measure(row))
  console.log(table([columns, ...figures]))
} finally {
  rmSync(folder, { recursive: true })
}

async function measure({ name, watched, pods, pending }: Row): Promise<string[]> {
  await using api = await FakeApiServer.start()
  const kubelets = Array.from({ length: nodes }, (_, node) => new FakeKubelet(api, `node-${node}`))
  for (let index = 0; index < pods; index++) {
    const kubelet = kubelets[index % nodes]!
    if (index < pending) waits(kubelet, `web-${index}`)
    else runs(kubelet, `web-${index}`)
  }
  const kubeconfig = api.writeKubeconfig(path.join(folder, 'kubeconfig'))
  const env = watched ? { PULLTRACE_WATCH_PODS: 'true', PULLTRACE_KUBECONFIG: kubeconfig } : {}
  await using server = await startMeasured('pulltrace-server.ts', env as Record<string, string>)
  if (watched) await watching(api)
  // What the lists brought is worked off.
  await delay(3000)
  const syncedMs = await server.cpuMs()
  await delay(idleSeconds * 1000)
  const idleMs = await server.cpuMs()

  for (let second = 0; second < churnSeconds; second++) {
    for (let index = 0; watched && index < churnPerSecond; index++)
      comesAndGoes(kubelets[index]!, `job-${second}-${index}`)
    await delay(1000)
  }
  const each = ((await server.cpuMs()) - idleMs) / (churnSeconds * churnPerSecond)
  const { liveBytes, rssBytes } = await server.memory()
  return [
    name,
    mib(liveBytes),
    mib(rssBytes),
    `${Math.round(syncedMs)} ms`,
    `${((idleMs - syncedMs) / (idleSeconds * 10)).toFixed(2)} %`,
    watched ? `${each.toFixed(1)} ms` : '-',
  ]
}

function app(name: string): string {
  return `registry.example.com/team/${name.replace(/\d+$/, '')}:v1`
}

function waits(kubelet: FakeKubelet, name: string): void {
  kubelet.pod(name, app(name))
  kubelet.pulling(name)
}

function runs(kubelet: FakeKubelet, name: string): void {
  const running = { state: { running: { startedAt: new Date().toISOString() } }, imageID: 'sha256:aa' }
  kubelet.pod(name, app(name), running as never, { phase: 'Running' })
  kubelet.pulling(name)
  kubelet.says(name, 'Pulled', 'Successfully pulled image "x" in 1s (1s including waiting). Image size: 1 bytes.')
}

function comesAndGoes(kubelet: FakeKubelet, name: string): void {
  waits(kubelet, name)
  kubelet.says(name, 'Pulled', 'Successfully pulled image "x" in 1s (1s including waiting). Image size: 1 bytes.')
  runs(kubelet, name)
}

/** Until both watches are open: then the lists have been taken. */
async function watching(api: FakeApiServer): Promise<void> {
  const limit = AbortSignal.timeout(120_000)
  while (api.requests.filter(({ watch }) => watch).length < 2) {
    limit.throwIfAborted()
    await delay(50)
  }
}
