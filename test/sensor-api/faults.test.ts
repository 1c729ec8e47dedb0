import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { credentials, status as Status } from '@grpc/grpc-js'
import { SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { type Ended, goodEvent, report, sync } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { temporaryVolume } from '../durability/programs.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'

type Volume = ReturnType<typeof temporaryVolume>

interface Fault {
  readonly name: string
  /** What it returns mends it. */
  readonly breakIt: (server: SensorApiProgram, volume: Volume) => () => unknown
  readonly code: Status
  /** When the client is asked to come again. */
  readonly retryMs: string
  readonly what: RegExp
}

const faults: readonly Fault[] = [
  {
    name: 'a disk that fills up',
    breakIt(_, volume) {
      execFileSync('sh', ['-c', `dd if=/dev/zero of=${volume.path}/ballast bs=4k 2>/dev/null || true`])
      return () => rmSync(`${volume.path}/ballast`)
    },
    code: Status.RESOURCE_EXHAUSTED,
    retryMs: '60000',
    what: /no space is left/,
  },
  {
    name: 'a database that a tool has locked',
    breakIt({ databaseFile }) {
      // The service may be writing just now.
      const tool = new DatabaseSync(databaseFile, { timeout: 20_000 })
      tool.exec('BEGIN IMMEDIATE')
      return () => tool.close()
    },
    code: Status.UNAVAILABLE,
    retryMs: '1000',
    what: /in use|locked/,
  },
]

describe('tk-sensor-api without its database', () => {
  for (const { name, breakIt, code, retryMs, what } of faults) {
    it(`with ${name}: says so and when to come again, and keeps every event once it is mended`, async function () {
      this.timeout(90_000)
      using volume = temporaryVolume('24m')
      const server = await startSensorApi({ folder: volume.path })
      const client = new SensorAPIClient(server.address, credentials.createInsecure())
      let mend: (() => unknown) | undefined
      try {
        const send = (ids: readonly string[]) =>
          report(client, { events: ids.map(eventId => big(eventId)) }, { 'x-api-key': server.key })
        const before = ids(20)
        assert.equal((await send(before)).code, Status.OK)
        mend = breakIt(server, volume)
        const during: string[] = []
        const refused = await eventually('events are refused', async () => {
          const some = ids(20)
          const ended = await send(some)
          during.push(...some)
          return ended.code !== Status.OK && ended
        })
        assert.equal(refused.code, code, refused.details)
        assert.match(refused.details, what)
        assert.deepEqual(refused.trailers.get('retry-after-ms'), [retryMs])
        await eventuallyHolds(async () => {
          const answer = await fetch(`${server.metricsUrl}/readyz`)
          assert.equal(answer.status, 503)
          const body = (await answer.json()) as Record<string, string>
          assert.deepEqual([body['status'], body['error']], ['unavailable', 'database connection failed'])
        })
        assert.equal((await fetch(`${server.metricsUrl}/healthz`)).status, 200)

        await mend()
        mend = undefined
        const all = [...before, ...during]
        const ended = await eventually<Ended<unknown>>(
          'all are accepted',
          async () => {
            const again = await send(all)
            return again.code === Status.OK && again
          },
          60_000,
        )
        assert.equal((ended.response as { acceptedCount: number }).acceptedCount, all.length)
        await eventuallyHolds(async () => assert.equal((await fetch(`${server.metricsUrl}/readyz`)).status, 200))
        const twice = await send(all)
        assert.equal(twice.response?.duplicateCount, all.length)
      } finally {
        await mend?.()
        client.close()
        await server.stop()
      }
    })
  }

  it('makes room by itself when events fill the volume, and keeps the newest', async function () {
    this.timeout(90_000)
    using volume = temporaryVolume('48m')
    const server = await startSensorApi({
      folder: volume.path,
      env: { TK_EVENTS_RETENTION: '0', TK_EVENTS_MAX_MIB: '0' },
    })
    const client = new SensorAPIClient(server.address, credentials.createInsecure())
    try {
      const send = (some: readonly string[]) =>
        report(client, { events: some.map(eventId => big(eventId)) }, { 'x-api-key': server.key })
      await eventually(
        'the disk is full',
        async () => (await send(ids(200))).code === Status.RESOURCE_EXHAUSTED,
        60_000,
      )
      await eventuallyHolds(async () => {
        const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text()
        assert.match(metrics, /^trapperkeeper_retention_deleted_total\{reason="size"\} [1-9]/m)
      }, 30_000)
      const newest = ids(200)
      await eventually('events are taken again', async () => (await send(newest)).code === Status.OK, 30_000)
      assert.equal((await send(newest)).response?.duplicateCount, newest.length)
    } finally {
      client.close()
      await server.stop()
    }
  })

  it('starts on a damaged file, is not ready, says what to do, and works once it is mended', async function () {
    this.timeout(60_000)
    using volume = temporaryVolume('24m')
    const file = path.join(volume.path, 'tk.db')
    writeFileSync(file, 'this is a note, not a database\n'.repeat(200))
    const server = await startSensorApi({ folder: volume.path })
    const client = new SensorAPIClient(server.address, credentials.createInsecure())
    try {
      await eventuallyHolds(async () => {
        const answer = await fetch(`${server.metricsUrl}/readyz`)
        assert.equal(answer.status, 503)
        const { kind, fix } = (await answer.json()) as Record<string, string>
        assert.equal(kind, 'corrupt')
        assert.match(fix!, /tk\.db\.damaged/)
      })
      const call = await sync(client, {}, { 'x-api-key': server.key })
      assert.equal(call.code, Status.UNAVAILABLE)
      renameSync(file, `${file}.damaged`)
      await eventually(
        'it serves',
        async () => (await sync(client, {}, { 'x-api-key': server.key })).code === Status.OK,
        30_000,
      )
      await eventuallyHolds(async () => assert.equal((await fetch(`${server.metricsUrl}/readyz`)).status, 200))
    } finally {
      client.close()
      await server.stop()
    }
  })
})

let made = 0
const ids = (count: number): string[] =>
  Array.from({ length: count }, () => `01990000-0000-7000-8000-${String(++made).padStart(12, '0')}`)

/** Does not compress: a megabyte a call. */
const big = (eventId: string) => {
  const text = Array.from({ length: 1500 }, () => Math.random().toString(36).slice(2)).join('')
  return goodEvent({ eventId, recordJson: Buffer.from(JSON.stringify({ text })) })
}
