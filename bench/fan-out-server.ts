import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../core/lib/clock.ts'
import { everyPull } from '../server/pulltrace/events/filter.ts'
import { openHttpStream } from '../server/pulltrace/events/http-stream.ts'
import { EventHub, ringDefaults } from '../server/pulltrace/events/hub.ts'
import { podRef, pullState } from '../server/pulltrace/events/pull-state.fake.ts'
import { Streams } from '../server/pulltrace/events/streams.ts'

interface Cost {
  readonly seconds: number
  readonly writes: number
  readonly events: number
  readonly bytes: number
  /** User and system time of this process. */
  readonly cpuUs: number
}

export interface Measured {
  readonly ours: Cost
  readonly bare: Cost
  readonly p50Ms: number
  readonly p99Ms: number
  readonly bareP50Ms: number
  readonly bareP99Ms: number
  /** Of the clients, how many were behind at the end of the load. */
  readonly lagged: number
  /** Resident memory of this process for each connected client that waits. Bytes. */
  readonly idleBytes: number
}

/** What our server wrote to one client, to be written again by the bare loop. */
interface Written {
  readonly atMs: number
  readonly bytes: Buffer
}

const warmUpMs = 2000
const stamp = () => process.hrtime.bigint()

/** A load generator that has connected all its clients. */
async function connectClients(server: Server, count: number): Promise<ChildProcess> {
  const { port } = server.address() as AddressInfo
  const child = fork(new URL('./fan-out-clients.ts', import.meta.url), [String(port), String(count)])
  await once(child, 'message')
  return child
}

async function latencies(child: ChildProcess): Promise<{ p50Ms: number; p99Ms: number }> {
  child.send('report')
  const [answer] = await once(child, 'message')
  child.disconnect()
  await once(child, 'exit')
  return answer as { p50Ms: number; p99Ms: number }
}

function rss(): number {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

/** 300 updates a second over 20 pulls, and one start and one end a second, until aborted. */
async function load(hub: Pick<EventHub, 'publish' | 'flush'>, signal: AbortSignal): Promise<void> {
  const stateOf = (id: string, more: object) => pullState(id, { pods: [podRef('shop', 'web-7d4b9')], ...more })
  const stamped = (name: string) => `registry.example.com/team/${name}:t${stamp()}`
  const flush = setInterval(() => hub.flush(), 250)
  const started = performance.now()
  let published = 0
  const updates = setInterval(() => {
    // By the clock, so that a busy event loop gets the same load, later.
    const due = (performance.now() - started) * 0.3
    for (; published < due; published++) {
      const pull = stateOf(`pull-${published % 20}`, { downloadedBytes: published })
      hub.publish([{ type: 'pull.progress', pull }])
    }
  }, 10)
  let made = 0
  const ends = setInterval(() => {
    const id = `short-${made >> 1}`
    const imageRef = stamped(id)
    if (made++ % 2 === 0) hub.publish([{ type: 'pull.started', pull: stateOf(id, { imageRef }) }])
    else hub.publish([{ type: 'pull.completed', pull: stateOf(id, { imageRef, phase: 'completed' }) }])
  }, 500)
  await once(signal, 'abort')
  for (const timer of [flush, updates, ends]) clearInterval(timer)
}

async function measureOurs(count: number, seconds: number) {
  const hub = new EventHub({ ...ringDefaults, clock: systemClock })
  const streams = new Streams(hub, { clock: systemClock })
  const stop = new AbortController()
  const request = { filter: everyPull, layers: false, lastEventId: undefined }
  for (let index = 0; index < 20; index++) hub.publish([{ type: 'pull.started', pull: pullState(`pull-${index}`) }])
  const server = createHttpServer((_, response) => openHttpStream(streams, response, request))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const before = rss()
  const child = await connectClients(server, count)
  await delay(1000)
  const idleBytes = (rss() - before) / count

  // Before the measure, so that the compiler has seen the code; nothing is recorded.
  const running = Promise.all([load(hub, stop.signal), streams.run(stop.signal)])
  await delay(warmUpMs)
  const written: Written[] = []
  const started = performance.now()
  const write = (bytes: Buffer) => written.push({ atMs: performance.now() - started, bytes }) > 0
  streams.open({ write, end() {}, destroy() {} }, { ...request, lastEventId: hub.lastEventId }).drained()
  const { writes, events, bytes } = streams.counters
  const cpu = process.cpuUsage()
  await delay(seconds * 1000)
  const { user, system } = process.cpuUsage(cpu)
  const elapsed = (performance.now() - started) / 1000
  const cost: Cost = {
    seconds: elapsed,
    writes: streams.counters.writes - writes,
    events: streams.counters.events - events,
    bytes: streams.counters.bytes - bytes,
    cpuUs: user + system,
  }
  const lagged = streams.lagging
  stop.abort()
  await running
  await delay(500)
  const latency = await latencies(child)
  streams.close()
  server.close()
  // The first write is the greeting of the recording client only.
  return { cost, latency, idleBytes, lagged, written: written.slice(1) }
}

async function measureBare(count: number, written: readonly Written[], events: number) {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.resume()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const child = await connectClients(server, count)
  await delay(1000)
  // Warms up like ours; then the same bytes at the same moments, stamped anew for the latency.
  const flushes = written.filter(({ bytes }) => bytes.length > 4096)
  for (let index = 0; index < warmUpMs / 250; index++) {
    for (const socket of sockets) socket.write(flushes[index % flushes.length]!.bytes)
    await delay(250)
  }
  // The load generator costs the same in both.
  const stop = new AbortController()
  const running = load({ publish() {}, flush() {} }, stop.signal)
  const started = performance.now()
  const cpu = process.cpuUsage()
  let bytesWritten = 0
  for (const { atMs, bytes } of written) {
    const wait = atMs - (performance.now() - started)
    if (wait > 0) await delay(wait)
    const text = bytes.length < 4096 ? bytes.toString().replace(/:t\d+/, `:t${stamp()}`) : undefined
    const again = text === undefined ? bytes : Buffer.from(text)
    for (const socket of sockets) socket.write(again)
    bytesWritten += again.length * sockets.length
  }
  const { user, system } = process.cpuUsage(cpu)
  const cost: Cost = {
    seconds: (performance.now() - started) / 1000,
    writes: written.length * sockets.length,
    events,
    bytes: bytesWritten,
    cpuUs: user + system,
  }
  stop.abort()
  await running
  await delay(500)
  const latency = await latencies(child)
  for (const socket of sockets) socket.destroy()
  server.close()
  return { cost, latency }
}

const [count, seconds] = process.argv.slice(2).map(Number) as [number, number]
const ours = await measureOurs(count, seconds)
const bare = await measureBare(count, ours.written, ours.cost.events)
const measured: Measured = {
  ours: ours.cost,
  bare: bare.cost,
  p50Ms: ours.latency.p50Ms,
  p99Ms: ours.latency.p99Ms,
  bareP50Ms: bare.latency.p50Ms,
  bareP99Ms: bare.latency.p99Ms,
  lagged: ours.lagged,
  idleBytes: ours.idleBytes,
}
process.send!(measured)
await once(process, 'disconnect')
process.exit(0)
