import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { PullEvent } from '../core/contract/pull-event.ts'
import { startAgent, startServer } from '../test/rig/pulltrace.ts'
import { startRig } from '../test/rig/rig.ts'
import { percentile, table } from './measure.ts'

/**
 * From the moment the registry lets a piece of a layer out to the line that `pulltrace watch` prints about it, through
 * a real containerd, agent and server that report each 100 ms.
 */
const pieces = Number(process.env['PIECES'] ?? 1000)
/** containerd writes, and so tells, in pieces of this size. */
const pieceBytes = 1024 * 1024

await using started = new AsyncDisposableStack()
const rig = await startRig({ version: '2.4' })
started.defer(() => rig.stop())
const server = await startServer({ reportIntervalMs: 100 })
started.defer(() => server.stop())
const agent = await startAgent({
  nodeName: 'bench',
  serverUrl: server.url,
  socket: rig.containerd.socket,
  reportIntervalMs: 100,
})
started.defer(() => agent.stop())

const watch = spawn('./bin/pulltrace', ['watch', '--server', server.url, '--output', 'json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
started.defer(async () => {
  watch.kill('SIGTERM')
  if (watch.exitCode === null && watch.signalCode === null) await once(watch, 'exit')
})
let shownBytes = -1
let onShown = () => {}
createInterface(watch.stdout!).on('line', line => {
  const { pull } = JSON.parse(line) as PullEvent
  shownBytes = pull?.downloadedBytes ?? shownBytes
  onShown()
})

/** Resolves when the screen shows at least this many bytes of the pull. */
async function shown(bytes: number): Promise<void> {
  while (shownBytes < bytes) await new Promise<void>(resolve => (onShown = resolve))
}

const image = await rig.push({
  name: 'bench/latency',
  layers: [{ bytes: (pieces + 20) * pieceBytes }],
  compression: 'none',
})
const layer = rig.proxy.blob(image.layers[0]!.digest)
layer.pause()
const stop = new AbortController()
const pull = rig.pull(image, stop.signal).catch(() => {})
layer.release(2 * pieceBytes)
await shown(pieceBytes)

const delaysMs: number[] = []
for (let piece = 0; piece < pieces; piece++) {
  // The looks of the agent come every 100 ms: releases must fall anywhere between them.
  await delay(Math.random() * 100)
  const before = shownBytes
  const releasedMs = performance.now()
  layer.release(pieceBytes)
  await shown(before + 1)
  delaysMs.push(performance.now() - releasedMs)
}
stop.abort()
await pull

const ms = (share: number) => `${percentile(delaysMs, share).toFixed(0)} ms`
console.log(`### From a released byte to the screen, interval 100 ms, ${pieces} pieces of 1 MiB\n`)
console.log(
  table([
    ['p50', 'p90', 'p99', 'max'],
    [ms(0.5), ms(0.9), ms(0.99), ms(1)],
  ]),
)
