import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { startCluster } from '../test/cluster/cluster.ts'
import { startControlPlane } from '../test/cluster/control-plane.ts'
import { traceOf } from '../test/cluster/leftovers.ts'
import { installProgram, type ProgramName } from '../test/rig/programs.ts'

/**
 * What the tests' Kubernetes costs: seconds until it can be used and until it is gone, medians of RUNS (5), and memory.
 * As root. COLD=1 also builds its programs with empty caches of Go and ours (about ten minutes, and a GB from the module proxy).
 */
const runs = Number(process.env['RUNS'] || 5)
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000

interface Running {
  stop(): Promise<void>
}

async function timed(start: () => Promise<Running>): Promise<string> {
  const ups: number[] = []
  const downs: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const begunMs = performance.now()
    const running = await start()
    ups.push(seconds(begunMs))
    const endMs = performance.now()
    await running.stop()
    downs.push(seconds(endMs))
  }
  return `${median(ups).toFixed(1)} s | ${median(downs).toFixed(1)} s`
}

const rssAnonKiB = (pid: number) =>
  Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)

async function memory(): Promise<string> {
  const cluster = await startCluster()
  try {
    const { processes } = await traceOf(cluster.nodes[0]!.machine)
    const sum = (pids: readonly number[]) => `${Math.round(pids.map(rssAnonKiB).reduce((a, b) => a + b, 0) / 1024)} MiB`
    return `${sum(cluster.plane.pids())} | ${sum(processes)}`
  } finally {
    await cluster.stop()
  }
}

async function cold(name: ProgramName): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'pulltrace-cold-'))
  const caches = { XDG_CACHE_HOME: dir, GOCACHE: path.join(dir, 'go-build'), GOMODCACHE: path.join(dir, 'go-mod') }
  const env = { ...process.env, ...caches }
  const begunMs = performance.now()
  try {
    await installProgram(name, { env, folders: ['/usr/local/go/bin'] })
    return `${Math.round(seconds(begunMs))} s`
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

console.log('| programs built already | up | gone |\n| --- | --- | --- |')
console.log(`| etcd and API server | ${await timed(() => startControlPlane())} |`)
console.log(`| with controllers | ${await timed(() => startControlPlane({ controllerManager: true }))} |`)
console.log(`| with one node, DNS, registry | ${await timed(() => startCluster())} |`)
console.log(`| with two nodes | ${await timed(() => startCluster({ nodes: 2 }))} |`)
console.log('\n| anonymous memory, just started | control plane | one node |\n| --- | --- | --- |')
console.log(`| | ${await memory()} |`)
if (process.env['COLD']) {
  console.log('\n| built from empty caches | |\n| --- | --- |')
  for (const name of ['kube', 'coredns', 'containerd-2.4', 'shim-2.4', 'ctr-2.4', 'pause'] as const) {
    console.log(`| ${name} | ${await cold(name)} |`)
  }
}
