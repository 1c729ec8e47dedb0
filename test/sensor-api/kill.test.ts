import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { credentials, status as Status } from '@grpc/grpc-js'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { EventCode, SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import { eventually } from '../eventually.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'
import { startLoad } from './load.ts'

const rounds = process.env['SOAK'] ? 50 : 5

describe('G1: an event that tk-sensor-api has acknowledged survives kill -9', () => {
  it(`in ${rounds} rounds at random moments under load, and is stored once`, async function () {
    this.timeout(60_000 + rounds * 20_000)
    const server = await startSensorApi()
    const acknowledged = new Set<string>()
    try {
      for (let round = 0; round < rounds; round++) {
        const load = startLoad(server, { sensors: 4, batch: 50 })
        await eventually('an event is acknowledged', () => load.acknowledged.size > 0)
        await delay(Math.random() * 1000)
        await server.kill9()
        await load.stop()
        for (const id of load.acknowledged) acknowledged.add(id)
        await server.restart()
        const stored = await storedIds(server)
        assert.equal(stored.length, new Set(stored).size, `round ${round}: there twice`)
        const there = new Set(stored)
        assert.deepEqual(
          [...acknowledged].filter(id => !there.has(id)),
          [],
          `round ${round}: lost`,
        )
        // What had no answer is sent again, as sensors do, whether or not it was stored.
        await sendAgain(server, load.unanswered, there)
        for (const id of load.unanswered) acknowledged.add(id)
      }
      const stored = await storedIds(server)
      assert.deepEqual(stored.sort(), [...acknowledged].sort(), 'all that were sent, each once')
      console.log(`      ${acknowledged.size} acknowledged events over ${rounds} kills`)
    } finally {
      await server.stop()
    }
  })
})

async function sendAgain(
  server: SensorApiProgram,
  ids: ReadonlySet<string>,
  stored: ReadonlySet<string>,
): Promise<void> {
  const client = new SensorAPIClient(server.address, credentials.createInsecure())
  const events = [...ids].map(eventId => goodEvent({ eventId }))
  const { code, response } = await report(client, { events }, { 'x-api-key': server.key })
  client.close()
  assert.equal(code, Status.OK)
  assert.deepEqual(
    response!.results.map(result => [result.eventId, result.code === EventCode.EVENT_CODE_DUPLICATE]),
    events.map(({ eventId }) => [eventId, stored.has(eventId)]),
  )
}

/** Read beside the service, as an admin command would. */
async function storedIds({ databaseFile: file }: SensorApiProgram): Promise<string[]> {
  const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
  try {
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const page = await store.events.search({ sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }, 1000, cursor)
      for (const { eventId } of page.items) ids.push(eventId)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return ids
  } finally {
    await store.close()
  }
}
