import { gzipSync } from 'node:zlib'
import { startSensorApi } from '../server/sensor-api/start-sensor-api.fake.ts'
import { fakeRule } from '../server/sensor-api/tk-store.fake.ts'
import { inTurn, type TrialOptions } from './ingest-load.ts'
import { table } from './measure.ts'
import { type Load, ReportBodies } from './reports.ts'

/** What taking a report costs, against servers that only read and parse it. `ROUNDS` is how often each is measured. */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const standard: Load = { nodes: 1000, pullsPerNode: 5, layersPerPull: 10 }

const server = 'pulltrace-server.ts'
const programs = ['bare-http.ts', 'bare-koa.ts', server]
const sample = new ReportBodies({ ...standard, nodes: 1 }).body(0, 1000)
const size = `${sample.length} bytes a report, three layers of each pull move`
const loads = [
  { title: `Ingest: 1,000 nodes x 5 pulls x 10 layers, ${size}; each node reports every 2 s`, pace: 500 },
  { title: 'The same reports over 32 connections, as fast as the server answers' },
]
for (const { title, ...pace } of loads) {
  const floors = await inTurn(
    Object.fromEntries(programs.map(program => [program, { program, load: standard, ...pace }])),
    rounds,
  )
  const koa = floors.get('bare-koa.ts')!.cpuMicros
  console.log(`\n### ${title}\n`)
  console.log(
    table([
      ['server', 'CPU per report', 'against Koa', 'live memory per node'],
      ...programs.map(name => {
        const { cpuMicros, bytesPerNode } = floors.get(name)!
        const memory = name === server ? `${(bytesPerNode / 1024).toFixed(1)} KiB` : '-'
        return [name.replace('.ts', ''), `${cpuMicros.toFixed(0)} us`, `${(cpuMicros / koa).toFixed(2)}x`, memory]
      }),
    ]),
  )
}

const sizes = ['100', '1000', '10000']
const growth = await inTurn(
  Object.fromEntries(sizes.map(nodes => [nodes, { program: server, load: { ...standard, nodes: Number(nodes) } }])),
  rounds,
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

const wires = await inTurn(
  { plain: { program: server, load: standard }, gzip: { program: server, load: standard, gzip: true } },
  rounds,
)
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
const noRules = 'no rules wanted'
const withRules: Record<string, TrialOptions> = { [noRules]: { program: server, load: standard } }
for (const rules of counts) {
  withRules[`${rules} rules`] = { program: server, load: standard, env: await settingsOf(rules) }
}
const judged = await inTurn(withRules, rounds)
const unjudged = judged.get(noRules)!.cpuMicros
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
