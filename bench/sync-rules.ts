import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { credentials } from '@grpc/grpc-js'
import { systemClock } from '../core/lib/clock.ts'
import { silentLogger } from '../core/lib/log.ts'
import type { RuleContent } from '../core/rules/rule.ts'
import { SensorAPIClient } from '../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { sync } from '../server/sensor-api/start-sensor-api.fake.ts'
import { fakeRule } from '../server/sensor-api/tk-store.fake.ts'
import { openSqliteTk } from '../server/store/sqlite/open-sqlite-tk.ts'
import { makeKey } from '../server/tk/api-key.ts'
import { startMeasured } from './measure.ts'

/**
 * SyncRules of sensors that have their rules already, which is what nearly all calls are; and of ones that have none.
 * 1,000 rules, half of them for everybody, and 100 tag sets.
 */
const seconds = 4
const rounds = 5
const callers = 32

const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-bench-'))
const file = path.join(folder, 'tk.db')
const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
await store.rules.change(
  Array.from({ length: 1000 }, (_, number) => ({ kind: 'create', content: contentOf(number) }) as const),
  { name: 'bench' },
)
await store.close()
const secret = { id: randomBytes(16).toString('hex'), secret: randomBytes(32) }
const key = makeKey(secret).text
writeFileSync(path.join(folder, 'key'), key)

const tagSets = Array.from({ length: 100 }, (_, i) => [`team:${i % 10}`, `env:${Math.floor(i / 10)}`])
const lines = [
  '| 32 callers on 8 connections | calls/s | p50 | p99 | calls per second of CPU |',
  '|---|---|---|---|---|',
]
await using server = await startMeasured('sensor-api.ts', {
  TK_DATABASE_URL: file,
  TK_HMAC_SECRET: `${secret.id}:${secret.secret.toString('base64')}`,
  TK_BOOTSTRAP_API_KEY_FILE: path.join(folder, 'key'),
})
const clients = Array.from(
  { length: 8 },
  () => new SensorAPIClient(server.url.host, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
)
const etags: string[] = []
let mostRules = 0
for (const tags of tagSets) {
  const { response } = await sync(clients[0]!, { tags }, { 'x-api-key': key })
  etags.push(response!.etag)
  mostRules = Math.max(mostRules, response!.rules.length)
}
for (const [name, unchanged] of [
  ['unchanged', true],
  [`the whole set, ${mostRules} rules`, false],
] as const) {
  const results: Awaited<ReturnType<typeof measure>>[] = []
  for (let round = 0; round <= rounds; round++) results.push(await measure(unchanged))
  // The first warms up.
  const median = (read: (result: (typeof results)[number]) => number) =>
    results
      .slice(1)
      .map(read)
      .sort((a, b) => a - b)[Math.floor(rounds / 2)]!
  const [rate, p50, p99, perCpu] = [median(r => r.rate), median(r => r.p50), median(r => r.p99), median(r => r.perCpu)]
  lines.push(`| ${name} | ${Math.round(rate)} | ${p50.toFixed(1)} ms | ${p99.toFixed(1)} ms | ${Math.round(perCpu)} |`)
}
for (const client of clients) client.close()
rmSync(folder, { recursive: true })
console.log(lines.join('\n'))

async function measure(unchanged: boolean) {
  const beforeMs = await server.cpuMs()
  const startMs = performance.now()
  const tookMs: number[] = []
  const work = Array.from({ length: callers }, async (_, caller) => {
    for (let call = caller; performance.now() - startMs < seconds * 1000; call++) {
      const which = call % tagSets.length
      const headers = { 'x-api-key': key, 'if-none-match': unchanged ? etags[which] : undefined }
      const sentMs = performance.now()
      const ended = await sync(clients[caller % clients.length]!, { tags: tagSets[which]! }, headers)
      if ((ended.headers['x-not-modified'] === '1') !== unchanged) throw new Error(`answered ${ended.code}`)
      tookMs.push(performance.now() - sentMs)
    }
  })
  await Promise.all(work)
  const wallMs = performance.now() - startMs
  const cpuMs = (await server.cpuMs()) - beforeMs
  tookMs.sort((a, b) => a - b)
  const at = (share: number) => tookMs[Math.floor(share * (tookMs.length - 1))]!
  return { rate: (1000 * tookMs.length) / wallMs, p50: at(0.5), p99: at(0.99), perCpu: (1000 * tookMs.length) / cpuMs }
}

function contentOf(number: number): RuleContent {
  const { rule_id: _, version: __, created_at: ___, ...content } = fakeRule(number)
  const tags = number % 2 === 0 ? [] : [`team:${number % 10}`]
  return { ...content, name: `rule ${number}`, scope: { tags, exclude_tags: [] } }
}
