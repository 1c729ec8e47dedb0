import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import path from 'node:path'
import { Client, credentials, Metadata } from '@grpc/grpc-js'
import { systemClock } from '../core/lib/clock.ts'
import { silentLogger } from '../core/lib/log.ts'
import {
  Action,
  MatchKind,
  ReportEventsRequest,
  ReportEventsResponse,
  SensorAPIService,
} from '../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { EventBatch, EventFilter } from '../server/store/events-store.ts'
import { openSqliteTk } from '../server/store/sqlite/open-sqlite-tk.ts'
import { makeKey } from '../server/tk/api-key.ts'
import { fsyncFloor, sqliteFloor } from './event-floors.ts'
import { batchEvents, benchRules, EventLoad, receiveNow } from './event-load.ts'
import { median, percentile, startMeasured, table } from './measure.ts'

/**
 * What storing and finding events costs where 1,000,000 are stored already. `ROUNDS` is how often each is measured,
 * `ROWS` how many are there, `FOLDER` where the database is (its disk is what is measured).
 */
const rounds = Number(process.env['ROUNDS'] ?? 5)
const storedRows = Number(process.env['ROWS'] ?? 1_000_000)
const sensors = 10
/** Of one sensor in one round. */
const batches = 20
const searches = 40
const roundEvents = sensors * batches * batchEvents

const medianOf = <T>(all: readonly T[], read: (one: T) => number) => median(all.map(read))
const thousands = (value: number) => Math.round(value).toLocaleString('en-US')
const ms = (value: number) => `${value.toFixed(1)} ms`

interface Round {
  readonly rate: number
  readonly p50: number
  readonly p99: number
}

/** Every sensor sends one batch after the other, all at once. */
async function runRound<T>(loads: readonly (readonly T[])[], send: (batch: T) => Promise<void>): Promise<Round> {
  const tookMs: number[] = []
  const startMs = performance.now()
  const work = loads.map(async own => {
    for (const batch of own) {
      const sentMs = performance.now()
      await send(batch)
      tookMs.push(performance.now() - sentMs)
    }
  })
  await Promise.all(work)
  const rate = (1000 * loads.length * batches * batchEvents) / (performance.now() - startMs)
  return { rate, p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99) }
}

const folder = mkdtempSync(path.join(process.env['FOLDER'] ?? tmpdir(), 'pulltrace-bench-'))
const file = path.join(folder, 'tk.db')
const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
const rules = await store.rules.change(
  benchRules(100).map(content => ({ kind: 'create', content })),
  { name: 'bench' },
)
const ruleIds = rules.map(rule => rule!.rule_id)
const loads = Array.from({ length: sensors }, (_, number) => new EventLoad(number, ruleIds))
const batchesOf = () => loads.map(load => Array.from({ length: batches }, () => load.batch()))
const append = async (batch: EventBatch) => void (await store.events.append(receiveNow(batch)))

const floors = {
  fsync: median(Array.from({ length: rounds }, () => fsyncFloor(folder, loads[0]!, 200))),
  sqlite: median(Array.from({ length: rounds }, () => sqliteFloor(folder, loads[0]!, 200))),
}
const firstMs = Date.now()
for (let rows = 0; rows < storedRows; rows += roundEvents) await runRound(batchesOf(), append)
const lastMs = Date.now()

const stored: (Round & { readonly mainMicros: number; readonly cpuMicros: number })[] = []
for (let round = 0; round < rounds; round++) {
  const prepared = batchesOf()
  const [cpu, main] = [process.cpuUsage(), process.threadCpuUsage()]
  const measured = await runRound(prepared, append)
  const [used, usedByMain] = [process.cpuUsage(cpu), process.threadCpuUsage(main)]
  const micros = ({ user, system }: NodeJS.CpuUsage) => (user + system) / roundEvents
  stored.push({ ...measured, mainMicros: micros(usedByMain), cpuMicros: micros(used) })
}
const found = [...(await measureSearches()), ...(await measureCounts())]
const { events, bytes } = await store.events.size()
await store.close()
const reported = await measureReports()
rmSync(folder, { recursive: true })

const row = (name: string, all: readonly Round[], cpu: string) => [
  name,
  thousands(medianOf(all, one => one.rate)),
  ms(medianOf(all, one => one.p50)),
  ms(medianOf(all, one => one.p99)),
  cpu,
]
console.log(
  table([
    [`${sensors} sensors, batches of ${batchEvents}, 400-byte records`, 'events/s', 'p50', 'p99', 'CPU per event'],
    ['floor: the records to a file, a sync for each batch', thousands(floors.fsync), '-', '-', '-'],
    ['floor: SQLite alone, no index, 5,000 a commit', thousands(floors.sqlite), '-', '-', '-'],
    row(
      'the store, all indexes',
      stored,
      `${medianOf(stored, one => one.mainMicros).toFixed(1)} us for the caller, ${medianOf(stored, one => one.cpuMicros - one.mainMicros).toFixed(1)} us for the worker`,
    ),
    row(
      'ReportEvents over gRPC',
      reported,
      `${medianOf(reported, one => one.serverMicros).toFixed(1)} us for the server`,
    ),
  ]),
)
const size = `${thousands(bytes / events)} bytes an event`
console.log(
  `\n${thousands(events)} events were there at the end of the store's rounds, ${size}. Load average at the end: ${loadavg()[0]!.toFixed(1)}.\n`,
)
console.log(table([['search for', 'found', 'p50', 'p95'], ...found]))

/** Pages of 50, at random times of what is stored. */
async function measureSearches(): Promise<(string | number)[][]> {
  const filters: Record<string, Partial<EventFilter>> = {
    everything: {},
    'a rule': { ruleId: ruleIds[7]! },
    'an action': { action: 'fail' },
    'a configured action': { configuredAction: 'observe' },
    'dry runs': { dryRun: true },
    'a match kind': { matchKind: 'MISSING_FAILED' },
    'a sensor': { sensorId: loads[3]!.sensorId },
    'a tag': { tag: 'zone:4' },
    'an API key': { apiKeyId: 'key-1' },
    'a pair of metadata': { metadata: { key: 'hostname', value: 'db2' } },
    'a matched path': { matchedPath: 'layers[77].bytes' },
    'a rule, a sensor and a path': {
      ruleId: ruleIds[7]!,
      sensorId: loads[3]!.sensorId,
      matchedPath: 'layers[107].bytes',
    },
    'a rule and a path that never meet': { ruleId: ruleIds[7]!, matchedPath: 'layers[8].bytes' },
    'what is not there': { sensorId: 'nobody' },
    'a text that is common': { text: '"repository":"team/app-77"' },
    'a text that is nowhere': { text: 'nowhere' },
    'a path and a value': { matchedPath: 'layers[77].bytes', matchedValue: '77' },
    'a value that is nowhere': { matchedValue: 'nowhere' },
  }
  const rows: (string | number)[][] = []
  for (const [name, filter] of Object.entries(filters)) {
    const tookMs: number[] = []
    let items = 0
    for (
      let search = 0;
      search < (name.includes('nowhere') || name.includes('never') || name.includes('value') ? 5 : searches);
      search++
    ) {
      const untilMs = firstMs + Math.ceil((0.5 + Math.random() / 2) * (lastMs - firstMs))
      const startMs = performance.now()
      items = (await store.events.search({ sinceMs: 0, untilMs, ...filter }, 50)).items.length
      tookMs.push(performance.now() - startMs)
    }
    rows.push([name, items, ms(percentile(tookMs, 0.5)), ms(percentile(tookMs, 0.95))])
  }
  return rows
}

/** As the list of rules asks for it, of everything: the first time, and when only the newest block has changed. */
async function measureCounts(): Promise<(string | number)[][]> {
  const tookMs: number[] = []
  let counted = 0
  for (let count = 0; count <= searches; count++) {
    const startMs = performance.now()
    const counts = await store.events.countByRule(firstMs)
    tookMs.push(performance.now() - startMs)
    counted = [...counts.values()].reduce((sum, events) => sum + events, 0)
    await append(loads[0]!.batch())
  }
  const [first, ...later] = tookMs
  return [
    ['how many of each rule, the first time', counted, ms(first!), '-'],
    ['how many of each rule, afterwards', counted, ms(percentile(later, 0.5)), ms(percentile(later, 0.95))],
  ]
}

/** The same over gRPC, against the program itself; requests are encoded before. */
async function measureReports(): Promise<(Round & { readonly serverMicros: number })[]> {
  const secret = { id: randomBytes(16).toString('hex'), secret: randomBytes(32) }
  const key = makeKey(secret).text
  writeFileSync(path.join(folder, 'key'), key)
  await using server = await startMeasured('sensor-api.ts', {
    TK_DATABASE_URL: file,
    TK_HMAC_SECRET: `${secret.id}:${secret.secret.toString('base64')}`,
    TK_BOOTSTRAP_API_KEY_FILE: path.join(folder, 'key'),
  })
  const clients = loads.map(
    () => new Client(server.url.host, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
  )
  const metadata = new Metadata()
  metadata.set('x-api-key', key)
  const { path: method } = SensorAPIService.reportEvents
  const send = ({ client, body }: { client: Client; body: Buffer }) =>
    new Promise<void>((resolve, reject) => {
      const same = (value: Buffer) => value
      client.makeUnaryRequest(method, same, ReportEventsResponse.decode, body, metadata, (error, answer) => {
        if (error) reject(error)
        else if (answer!.acceptedCount === batchEvents && answer!.duplicateCount === 0) resolve()
        else reject(new Error(`accepted ${answer!.acceptedCount} of ${batchEvents}`))
      })
    })
  const rounded: (Round & { readonly serverMicros: number })[] = []
  for (let round = 0; round <= rounds; round++) {
    const prepared = batchesOf().map((own, sensor) =>
      own.map(batch => ({ client: clients[sensor]!, body: requestOf(batch) })),
    )
    const beforeMs = await server.cpuMs()
    const measured = await runRound(prepared, send)
    const serverMicros = (1000 * ((await server.cpuMs()) - beforeMs)) / roundEvents
    // The first warms the compiler up.
    if (round > 0) rounded.push({ ...measured, serverMicros })
  }
  for (const client of clients) client.close()
  return rounded
}

function requestOf({ sensorId, tags, events }: EventBatch): Buffer {
  const none = ReportEventsRequest.decode(new Uint8Array(0))
  const time = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 })
  const request: ReportEventsRequest = {
    ...none,
    ...{ sensorId, tags: [...tags], compactResults: true, clientTimestamp: time(Date.now()) },
    events: events.map(event => ({
      eventId: event.eventId,
      payload: undefined,
      metadata: {},
      clientTimestamp: time(event.clientAtMs),
      ruleId: event.ruleId,
      ruleVersion: event.ruleVersion,
      action: event.action === 'fail' ? Action.ACTION_FAIL : Action.ACTION_OBSERVE,
      matchKind: event.action === 'fail' ? MatchKind.MATCH_KIND_MISSING_FAILED : MatchKind.MATCH_KIND_VALUE,
      groupIndex: event.groupIndex,
      conditionIndex: event.conditionIndex,
      matchedPath: {
        segments: event.matchedPath.map(key =>
          typeof key === 'number' ? { arrayIndex: key } : { fieldName: key as string },
        ),
      },
      matchedValueJson: event.matchedValueJson ?? '',
      recordJson: Buffer.from(event.recordJson ?? ''),
      recordOmitted: false,
      maskedPointers: [],
      matchedValueTruncated: false,
    })),
  }
  return Buffer.from(ReportEventsRequest.encode(request).finish())
}
