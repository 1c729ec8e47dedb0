import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { startSensorApi } from '../server/sensor-api/start-sensor-api.fake.ts'
import { fakeRule } from '../server/sensor-api/tk-store.fake.ts'
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
/** Reports of one turn. Short, so that a machine whose speed drifts is the same for all that take turns. */
const turnReports = 4000

/** A server under a load of its own, measured turn by turn. */
class Trial implements AsyncDisposable {
  readonly cpuMicros: number[] = []
  readonly #server: Measured
  readonly #bodies: ReportBodies
  readonly #nodes: number
  readonly #gzip: boolean
  readonly #emptyBytes: number
  #seq = 1

  private constructor(server: Measured, emptyBytes: number, load: Load, gzip: boolean) {
    this.#server = server
    this.#emptyBytes = emptyBytes
    this.#bodies = new ReportBodies(load)
    this.#nodes = load.nodes
    this.#gzip = gzip
  }

  static async start(program: string, load: Load, gzip = false, env: Record<string, string> = {}): Promise<Trial> {
    const server = await startMeasured(program, env)
    const trial = new Trial(server, (await server.usage()).liveBytes, load, gzip)
    await trial.#post(warmReports)
    return trial
  }

  async turn(): Promise<void> {
    const before = await this.#server.usage()
    const reports = await this.#post(turnReports)
    const after = await this.#server.usage()
    this.cpuMicros.push(((after.cpuMs - before.cpuMs) * 1000) / reports)
  }

  async bytesPerNode(): Promise<number> {
    return ((await this.#server.usage()).liveBytes - this.#emptyBytes) / this.#nodes
  }

  async [Symbol.asyncDispose]() {
    await this.#server[Symbol.asyncDispose]()
  }

  /** At least so many, each node as often as the others. */
  async #post(reports: number): Promise<number> {
    const looks = Math.max(1, Math.ceil(reports / this.#nodes))
    await postAll(this.#server, this.#bodies, this.#nodes, this.#seq, looks, this.#gzip)
    this.#seq += looks
    return looks * this.#nodes
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

/** All run at once and take turns. The figures of each are the medians of its turns, `ROUNDS` times four. */
async function inTurn(
  trials: Record<string, readonly [program: string, load: Load, gzip?: boolean, env?: Record<string, string>]>,
) {
  await using running = new AsyncDisposableStack()
  const started = new Map<string, Trial>()
  for (const [name, trial] of Object.entries(trials)) started.set(name, running.use(await Trial.start(...trial)))
  for (let turn = 0; turn < rounds * 4; turn++) for (const trial of started.values()) await trial.turn()
  const costs = new Map<string, Cost>()
  for (const [name, trial] of started) {
    costs.set(name, { cpuMicros: median(trial.cpuMicros), bytesPerNode: await trial.bytesPerNode() })
  }
  return costs
}

const programs = ['bare-http.ts', 'bare-koa.ts', 'pulltrace-server.ts']
const sample = new ReportBodies({ ...standard, nodes: 1 }).body(0, 1000)
const floors = await inTurn(Object.fromEntries(programs.map(name => [name, [name, standard]])))
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
const growth = await inTurn(
  Object.fromEntries(sizes.map(size => [size, ['pulltrace-server.ts', { ...standard, nodes: Number(size) }]])),
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

const wires = await inTurn({
  plain: ['pulltrace-server.ts', standard],
  gzip: ['pulltrace-server.ts', standard, true],
})
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

/** Rules of three conditions that look at all kinds of fields and match no pull of the load; every pull is tried. */
const ruleOf = (number: number) => {
  const policies = { on_missing_field: 'skip', on_coercion_fail: 'skip' } as const
  const all = [
    { field: ['bytes'], op: 'gt', field_type: 'numeric', value: 1, ...policies },
    { field: ['registry'], op: 'neq', field_type: 'text', value: `registry-${number}.example.com`, ...policies },
    { field: ['image'], op: 'suffix', field_type: 'text', value: `:never-${number}`, ...policies },
  ] as const
  return fakeRule(number, { any: [{ all }] })
}
const counts = [0, 5, 500]
await using sensorApis = new AsyncDisposableStack()
const settingsOf = async (rules: number) => {
  const tk = sensorApis.use(await startSensorApi())
  tk.store.set({ rules: Array.from({ length: rules }, (_, number) => ruleOf(number)) })
  return { TK_API_URL: `http://${tk.address}`, TK_API_KEY: tk.key }
}
const none = ['no rules wanted', ['pulltrace-server.ts', standard]] as const
const withRules = await Promise.all(
  counts.map(
    async rules => [`${rules} rules`, ['pulltrace-server.ts', standard, false, await settingsOf(rules)]] as const,
  ),
)
const judged = await inTurn(Object.fromEntries([none, ...withRules]))
const unjudged = judged.get(none[0])!.cpuMicros
console.log('\n### What rules on pulls cost: three conditions each, none matches; pulls move, and few change phase\n')
console.log(
  table([
    ['server', 'CPU per report', 'against none', 'live memory per node'],
    ...[...judged].map(([name, { cpuMicros, bytesPerNode }]) => [
      name,
      `${cpuMicros.toFixed(0)} us`,
      `${(cpuMicros / unjudged).toFixed(2)}x`,
      `${(bytesPerNode / 1024).toFixed(1)} KiB`,
    ]),
  ]),
)
