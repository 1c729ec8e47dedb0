import assert from 'node:assert/strict'
import { credentials, status as Status } from '@grpc/grpc-js'
import { SensorAPIClient } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report, sync } from '../../server/sensor-api/start-sensor-api.fake.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'
import { applyRules, openReal, writtenRule } from '../sdk/real-service.fake.ts'

const fourMib = 4 * 1024 * 1024

describe('more than the 4 MiB that gRPC takes by default', function () {
  this.timeout(60_000)
  let server: SensorApiProgram
  before(async () => {
    server = await startSensorApi()
  })
  after(() => server.stop())

  const clientOf = (options = {}) => new SensorAPIClient(server.address, credentials.createInsecure(), options)

  it('is taken in one request, and stored', async () => {
    const client = clientOf({ 'grpc.max_send_message_length': -1 })
    const recordJson = Buffer.from(JSON.stringify({ text: 'x'.repeat(900_000) }))
    const events = Array.from({ length: 30 }, () => goodEvent({ recordJson }))
    const { code, details, response } = await report(client, { events }, { 'x-api-key': server.key })
    assert.deepEqual([code, response?.acceptedCount], [Status.OK, 30], details)
    client.close()
  })

  it('of rules reaches a sensor; a client left at its default is told so by its own library', async () => {
    const value = Array.from({ length: 1000 }, (_, i) => `${i}${'x'.repeat(45)}`)
    const condition = { field: ['name'], op: 'in', field_type: 'text', value }
    await applyRules(
      server,
      Array.from({ length: 100 }, (_, i) => writtenRule(`rule ${i}`, {}, condition)),
    )
    const client = clientOf({ 'grpc.max_receive_message_length': fourMib })
    const refused = await sync(client, {}, { 'x-api-key': server.key })
    assert.equal(refused.code, Status.RESOURCE_EXHAUSTED)
    assert.match(refused.details, /larger than max \(\d{7} vs 4194304\)/)
    client.close()
    await using sensor = await openReal(server, { syncMode: 'manual' })
    const { rules, error } = await sensor.sync()
    assert.deepEqual([rules, error], [100, undefined])
    assert.equal(sensor.check({ name: value[7] }).matches.length, 100)
  })
})
