import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { credentials, status as Status } from '@grpc/grpc-js'
import { SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report, sync } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { processRuns } from '../rig/child.ts'
import { findProgram } from '../rig/programs.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'
import { startLoad } from './load.ts'

const run = promisify(execFile)
const launcher = fileURLToPath(new URL('../../bin/tk-sensor-api', import.meta.url))

type Failed = { readonly code: number; readonly stderr: string }

describe('tk-sensor-api', function () {
  this.timeout(60_000)
  let server: SensorApiProgram
  let client: SensorAPIClient
  before(async () => {
    server = await startSensorApi()
    client = new SensorAPIClient(server.address, credentials.createInsecure())
  })
  after(async () => {
    client.close()
    await server.stop()
  })
  const admin = async (...args: string[]) => {
    const env = { PATH: process.env['PATH'], TK_DATABASE_URL: server.databaseFile }
    return run(launcher, args, { env })
  }

  it('is listed, described and called by grpcurl, which knows nothing of it', async () => {
    const grpcurl = await findProgram('grpcurl')
    const ask = async (...args: string[]) => (await run(grpcurl, ['-plaintext', ...args])).stdout
    assert.match(await ask(server.address, 'list'), /^trapperkeeper\.sensor\.v1\.SensorAPI$/m)
    const described = await ask(server.address, 'describe', 'trapperkeeper.sensor.v1.SensorAPI')
    assert.match(described, /rpc SyncRules/)
    assert.match(described, /rpc ReportEvents/)
    const health = await ask(server.address, 'grpc.health.v1.Health/Check')
    assert.equal(JSON.parse(health).status, 'SERVING')
    const method = 'trapperkeeper.sensor.v1.SensorAPI/SyncRules'
    const key = ['-H', `x-api-key: ${server.key}`]
    const answer = JSON.parse(await ask(...key, '-d', '{"tags":["a"]}', server.address, method))
    assert.match(answer.etag, /^v1-/)
    assert.equal(answer.limits.maxTags, 64)
    await assert.rejects(ask(server.address, method), (error: Failed) => /API key required/.test(error.stderr))
  })

  it('is ready, and counts what it does', async () => {
    await report(client, { events: [goodEvent(), goodEvent({ eventId: 'x' })] }, { 'x-api-key': server.key })
    assert.deepEqual(await (await fetch(`${server.metricsUrl}/readyz`)).json(), { status: 'ok' })
    const text = await eventually('the metrics, after the first look at what is to be kept', async () => {
      const all = await (await fetch(`${server.metricsUrl}/api/v1/stats/prometheus`)).text()
      return /^trapperkeeper_retention_last_run_timestamp_seconds [1-9]/m.test(all) && all
    })
    assert.match(text, /^trapperkeeper_events_received_total\{action="observe"\} 1$/m)
    assert.match(text, /^trapperkeeper_events_rejected_total\{code="invalid_id"\} 1$/m)
    assert.match(text, /^trapperkeeper_db_up 1$/m)
    assert.match(text, /^trapperkeeper_grpc_connections_active [1-9]/m)
    assert.match(text, /^trapperkeeper_grpc_response_bytes_total\{method="ReportEvents"\} [1-9]/m)
    assert.match(text, /^trapperkeeper_storage_size_bytes [1-9]/m)
  })

  it('sends no rules from a second after a pause on, and the former ones after it', async () => {
    const etagNow = async () => (await sync(client, {}, { 'x-api-key': server.key })).response?.etag
    const before = await etagNow()
    await admin('rules', 'pause', '--why', 'test')
    await eventually('it is paused', async () => (await etagNow()) === 'PAUSED', 3000)
    await admin('rules', 'resume')
    await eventually('it goes on', async () => (await etagNow()) === before, 3000)
  })

  it('takes a key that was made meanwhile, and refuses a revoked one within ten seconds', async () => {
    const secret = readEnv(server.pid)['TK_HMAC_SECRET']!
    const env = { PATH: process.env['PATH'], TK_DATABASE_URL: server.databaseFile, TK_HMAC_SECRET: secret }
    const { stdout } = await run(launcher, ['keys', 'create', 'job', '-o', 'json'], { env })
    const { id, key } = JSON.parse(stdout)
    assert.equal((await sync(client, {}, { 'x-api-key': key })).code, Status.OK)
    await run(launcher, ['keys', 'revoke', id], { env })
    await eventuallyHolds(async () => {
      assert.equal((await sync(client, {}, { 'x-api-key': key })).code, Status.PERMISSION_DENIED)
    }, 12_000)
  })

  it('runs once on a database: the second says who has it, with exit code 75', async () => {
    const env = {
      PATH: process.env['PATH'],
      TK_GRPC_ADDR: '127.0.0.1:0',
      TK_SENSOR_METRICS_ADDR: '127.0.0.1:0',
      TK_DATABASE_URL: server.databaseFile,
    }
    await assert.rejects(run(launcher, [], { env }), (error: Failed) => {
      assert.equal(error.code, 75)
      assert.match(error.stderr, /^Another tk-sensor-api instance is already running \(pid \d+, host \S+, started /)
      assert.ok(error.stderr.includes(`${server.databaseFile}.tk-sensor-api.pid`))
      return true
    })
    assert.equal((await sync(client, {}, { 'x-api-key': server.key })).code, Status.OK, 'the first is not disturbed')
  })

  it('names every wrong setting and starts nothing', async () => {
    const env = { PATH: process.env['PATH'], TK_GRPC_ADDR: 'x', TK_EVENTS_RETENTION: 'soon', TK_GRPC_ADR: 'y' }
    await assert.rejects(run(launcher, ['--check-settings'], { env }), (error: Failed) => {
      assert.equal(error.code, 2)
      assert.match(error.stderr, /^nothing reads TK_GRPC_ADR, it is no setting: did you mean TK_GRPC_ADDR\?$/m)
      assert.match(error.stderr, /TK_GRPC_ADDR must be .*; TK_EVENTS_RETENTION must be/)
      return true
    })
  })

  it('finishes what is under way when it is asked to end, and loses nothing', async () => {
    const other = await startSensorApi()
    const load = startLoad(other, { sensors: 4, batch: 200 })
    await eventually('events are acknowledged', () => load.acknowledged.size > 1000)
    assert.equal(await other.terminate(), 0)
    await eventually('a sensor is turned away', () => load.codes.size > 1)
    await load.stop()
    const codes = [...load.codes.keys()].filter(code => code !== 'OK')
    assert.deepEqual(codes, ['UNAVAILABLE'], 'turned away, never cut off')
    await other.restart()
    const again = new SensorAPIClient(other.address, credentials.createInsecure())
    const events = [...load.acknowledged].map(eventId => goodEvent({ eventId }))
    for (let at = 0; at < events.length; at += 5000) {
      const part = events.slice(at, at + 5000)
      const { response } = await report(again, { events: part }, { 'x-api-key': other.key })
      assert.equal(response?.duplicateCount, part.length)
    }
    again.close()
    await other.stop()
  })

  it('ends when another process has taken its lock file, and leaves that alone', async () => {
    const other = await startSensorApi()
    const lockFile = `${other.databaseFile}.tk-sensor-api.pid`
    const strangers = JSON.stringify({ ...JSON.parse(readFileSync(lockFile, 'utf8')), token: 'f'.repeat(32) })
    writeFileSync(lockFile, strangers)
    await eventually('it has ended', () => !processRuns(other.pid))
    assert.match(other.log(), /belongs to another process now/)
    assert.equal(readFileSync(lockFile, 'utf8'), strangers)
    await other.stop()
  })
})

const readEnv = (pid: number): Record<string, string> =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
