import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BuiltImage } from '../test/rig/images.ts'
import { type Rig, startRig } from '../test/rig/rig.ts'
import { median, table } from './measure.ts'

/**
 * What the bundled agent costs a node, started as it is shipped: memory, and CPU of a look, idle and beside 10 pulls of
 * 10 layers, on a node that runs nothing and on one with the leases of 100 pods.
 */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const looks = Number(process.env['LOOKS'] ?? 100)
/** Looks before the first that counts: an agent lives for days, and its first half minute is its compiler's. */
const warmLooks = 150
const intervalMs = 200
const podNames = Array.from({ length: 100 }, (_, pod) => `pod-${pod}`)
const clockTicksPerSec = Number(execFileSync('getconf', ['CLK_TCK']).toString())

interface Cost {
  readonly cpuMsPerLook: number
  readonly rssMiB: number
  readonly anonymousMiB: number
}

/** Takes reports and answers as the server does; counts those that show `pulls` pulls. */
async function startSink() {
  let waiting: { pulls: number; left: number; done: () => void } | undefined
  let lastSeen = 'no report'
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const { pulls } = JSON.parse(Buffer.concat(chunks).toString()) as { pulls: { phase: string }[] }
      const answer = {
        accepted: true,
        acknowledged: true,
        reportIntervalMs: intervalMs,
        idleReportIntervalMs: intervalMs,
      }
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ ...answer, awaiting: [] }))
      const active = pulls.filter(({ phase }) => phase === 'downloading').length
      lastSeen = `a report with the phases ${pulls.map(({ phase }) => phase).join(', ')}`
      if (waiting?.pulls === active && --waiting.left === 0) waiting.done()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Resolves after `count` reports that show this many downloading pulls; rejects when they take far too long. */
    async reports(pulls: number, count: number): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      waiting = { pulls, left: count, done: resolve }
      const late = () => reject(new Error(`not ${count} reports with ${pulls} pulls downloading; last: ${lastSeen}`))
      const timer = setTimeout(late, count * intervalMs * 5)
      try {
        await promise
      } finally {
        clearTimeout(timer)
      }
    },
    close: () => server.close(),
  }
}

async function costOf(rig: Rig, pulls: number): Promise<Cost> {
  const sink = await startSink()
  const agent = spawn('bin/pulltrace-agent', ['dist/pulltrace-agent.mjs'], {
    env: {
      ...process.env,
      PULLTRACE_NODE_NAME: 'bench',
      PULLTRACE_SERVER_URL: sink.url,
      PULLTRACE_CONTAINERD_SOCKET: rig.containerd.socket,
      PULLTRACE_REPORT_INTERVAL: `${intervalMs}ms`,
      PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:0',
      PULLTRACE_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // Should the bench end in the middle, what it started must not go on.
  const kill = () => agent.kill('SIGKILL')
  process.once('exit', kill)
  try {
    await sink.reports(pulls, warmLooks)
    const before = cpuMsOf(agent.pid!)
    await sink.reports(pulls, looks)
    const cpuMsPerLook = (cpuMsOf(agent.pid!) - before) / looks
    const status = readFileSync(`/proc/${agent.pid}/status`, 'utf8')
    const mebibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)![1]) / 1024
    return { cpuMsPerLook, rssMiB: mebibytes('VmRSS'), anonymousMiB: mebibytes('RssAnon') }
  } finally {
    const gone = once(agent, 'exit')
    agent.kill('SIGTERM')
    await gone
    process.off('exit', kill)
    sink.close()
  }
}

/** User and system time of a process. Source: proc_pid_stat(5), fields 14 and 15. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / clockTicksPerSec
}

async function measured(rig: Rig, pulls: number): Promise<Cost> {
  const costs: Cost[] = []
  for (let round = 0; round < rounds; round++) costs.push(await costOf(rig, pulls))
  const middle = (pick: (cost: Cost) => number) => median(costs.map(pick))
  return {
    cpuMsPerLook: middle(cost => cost.cpuMsPerLook),
    rssMiB: middle(cost => cost.rssMiB),
    anonymousMiB: middle(cost => cost.anonymousMiB),
  }
}

const inKubernetes = { namespace: 'k8s.io' }
/** As containerd's CRI does for each pod: a lease without an expiry. */
async function startPods({ containerd }: Rig): Promise<void> {
  for (const name of podNames) await containerd.ctr(['leases', 'create', '--id', name, '--expires', '0s'], inKubernetes)
}
async function stopPods({ containerd }: Rig): Promise<void> {
  for (const name of podNames) await containerd.ctr(['leases', 'rm', name], inKubernetes)
}

const rig = await startRig({ version: '2.4' })
const stop = new AbortController()
const stopped = once(stop.signal, 'abort').then(() => Promise.reject(new Error('stopped')))
stopped.catch(() => {})
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort())
try {
  const idle = await Promise.race([measured(rig, 0), stopped])
  await startPods(rig)
  const idleWithPods = await Promise.race([measured(rig, 0), stopped])
  await stopPods(rig)
  const images: BuiltImage[] = []
  for (let index = 0; index < 10; index++) {
    images.push(
      await rig.push({ name: `bench/app-${index}`, layers: Array.from({ length: 10 }, () => ({ bytes: 3_000_000 })) }),
    )
  }
  // A slow trickle: every ingest moves, none ends while it is measured.
  rig.proxy.limit(100_000)
  const pulls = Promise.all(images.map(image => rig.pull(image, stop.signal)))
  // None may end, well or not, while it is measured.
  const ended = pulls.then(() => Promise.reject(new Error('a pull ended')))
  const busy = await Promise.race([measured(rig, 10), ended, stopped])
  await startPods(rig)
  const busyWithPods = await Promise.race([measured(rig, 10), ended, stopped])
  stop.abort()
  await pulls.catch(() => {})
  const row = (name: string, { cpuMsPerLook, rssMiB, anonymousMiB }: Cost) => [
    name,
    `${cpuMsPerLook.toFixed(2)} ms`,
    `${rssMiB.toFixed(1)} MiB`,
    `${anonymousMiB.toFixed(1)} MiB`,
  ]
  console.log(`### Agent, bundled, on containerd 2.4, a look and a report each ${intervalMs} ms\n`)
  console.log(
    table([
      ['node', 'CPU per look', 'RSS', 'of it anonymous'],
      row('idle', idle),
      row('idle, 100 pods', idleWithPods),
      row('10 pulls x 10 layers', busy),
      row('10 pulls x 10 layers, 100 pods', busyWithPods),
    ]),
  )
} finally {
  stop.abort()
  await rig.stop()
}
