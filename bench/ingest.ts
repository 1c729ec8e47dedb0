import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { type Measured, median, startMeasured, table } from './measure.ts'
import { type Load, ReportBodies } from './reports.ts'

/** What taking a report costs, against servers that only read and parse it. `ROUNDS` is how often each is measured. */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const connections = 32
const standard: Load = { nodes: 1000, pullsPerNode: 5, layersPerPull: 10 }

interface Cost {
  readonly cpuMicros: number
  readonly bytesPerNode: number
}

/** Reports before the first that counts: a server lives for days, and half of its first second is its compiler. */
const warmReports = 15_000

/** Nodes report in turn, `warmReports` unmeasured, then `counted` of each node. */
async function costOf(program: string, load: Load, counted: number, gzip = false): Promise<Cost> {
  await using server = await startMeasured(program)
  const bodies = new ReportBodies(load)
  const empty = await server.usage()
  const warm = Math.max(1, Math.ceil(warmReports / load.nodes))
  await postAll(server, bodies, load.nodes, 1, warm, gzip)
  const before = await server.usage()
  await postAll(server, bodies, load.nodes, 1 + warm, counted, gzip)
  const after = await server.usage()
  return {
    cpuMicros: ((after.cpuMs - before.cpuMs) * 1000) / (load.nodes * counted),
    bytesPerNode: (after.liveBytes - empty.liveBytes) / load.nodes,
  }
}

async function postAll(
  to: Measured,
  bodies: ReportBodies,
  nodes: number,
  firstSeq: number,
  looks: number,
  gzip: boolean,
) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  let next = 0
  const worker = async () => {
    for (let index = next++; index < nodes * looks; index = next++) {
      const body = bodies.body(index % nodes, firstSeq + Math.floor(index / nodes))
      await post(to.url, agent, gzip ? gzipSync(body, { level: 1 }) : body, gzip)
    }
  }
  await Promise.all(Array.from({ length: connections }, worker))
  agent.destroy()
}

function post(url: URL, agent: Agent, body: Buffer, gzip: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      ...(gzip && { 'content-encoding': 'gzip' }),
    }
    const outgoing = request(new URL('/api/v1/report', url), { method: 'POST', agent, headers }, response => {
      response.resume()
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** In turn, so that a machine whose speed drifts is the same for all. */
async function inTurn(names: readonly string[], measure: (name: string) => Promise<Cost>): Promise<Map<string, Cost>> {
  const all = new Map(names.map(name => [name, [] as Cost[]]))
  for (let round = 0; round < rounds; round++) for (const name of names) all.get(name)!.push(await measure(name))
  return new Map(
    [...all].map(([name, costs]) => [
      name,
      { cpuMicros: median(costs.map(c => c.cpuMicros)), bytesPerNode: median(costs.map(c => c.bytesPerNode)) },
    ]),
  )
}

const programs = ['bare-http.ts', 'bare-koa.ts', 'pulltrace-server.ts']
const sample = new ReportBodies({ ...standard, nodes: 1 }).body(0, 1000)
const floors = await inTurn(programs, name => costOf(name, standard, 20))
const koa = floors.get('bare-koa.ts')!.cpuMicros
console.log(
  `### Ingest: 1,000 nodes x 5 pulls x 10 layers, ${sample.length} bytes a report, three layers of each pull move\n`,
)
console.log(
  table([
    ['server', 'CPU per report', 'against Koa', 'live memory per node'],
    ...programs.map(name => {
      const { cpuMicros, bytesPerNode } = floors.get(name)!
      const memory = name === 'pulltrace-server.ts' ? `${(bytesPerNode / 1024).toFixed(1)} KiB` : '-'
      return [name.replace('.ts', ''), `${cpuMicros.toFixed(0)} us`, `${(cpuMicros / koa).toFixed(2)}x`, memory]
    }),
  ]),
)

const sizes = ['100', '1000', '10000']
const growth = await inTurn(sizes, nodes =>
  costOf('pulltrace-server.ts', { ...standard, nodes: Number(nodes) }, Math.ceil(20_000 / Number(nodes))),
)
console.log('\n### Ingest as the cluster grows\n')
console.log(
  table([
    ['nodes', 'CPU per report', 'against 100 nodes', 'live memory per node'],
    ...sizes.map(size => {
      const { cpuMicros, bytesPerNode } = growth.get(size)!
      const ratio = cpuMicros / growth.get('100')!.cpuMicros
      return [size, `${cpuMicros.toFixed(0)} us`, `${ratio.toFixed(2)}x`, `${(bytesPerNode / 1024).toFixed(1)} KiB`]
    }),
  ]),
)

const wires = await inTurn(['plain', 'gzip'], wire => costOf('pulltrace-server.ts', standard, 20, wire === 'gzip'))
const startMs = performance.now()
for (let index = 0; index < 1000; index++) gzipSync(sample, { level: 1 })
const zipMicros = performance.now() - startMs
console.log('\n### What gzip saves and costs\n')
console.log(
  table([
    ['wire', 'bytes a report', 'server CPU per report', 'agent CPU to compress'],
    ['plain', sample.length, `${wires.get('plain')!.cpuMicros.toFixed(0)} us`, '-'],
    [
      'gzip (level 1)',
      gzipSync(sample, { level: 1 }).length,
      `${wires.get('gzip')!.cpuMicros.toFixed(0)} us`,
      `${zipMicros.toFixed(0)} us`,
    ],
  ]),
)
