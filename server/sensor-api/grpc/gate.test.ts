import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { gzipSync } from 'node:zlib'
import { credentials, status as Status } from '@grpc/grpc-js'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { ReportEventsRequest, SensorAPIClient } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { eventuallyHolds } from '../../../test/eventually.ts'
import { goodEvent, startSensorApi, sync } from '../start-sensor-api.fake.ts'
import { fakeRule } from '../tk-store.fake.ts'
import { rawCall } from './raw-client.fake.ts'

const requestOf = (events = [goodEvent()], metadata = {}) =>
  ReportEventsRequest.encode({ ...ReportEventsRequest.decode(new Uint8Array(0)), events, metadata }).finish()

describe('who may call', () => {
  it('is told why not, with the code and words of the protocol', async () => {
    await using server = await startSensorApi()
    const { keysStore, key } = server
    const last = key.at(-1) === '0' ? '1' : '0'
    for (const [given, code, details] of [
      [undefined, Status.UNAUTHENTICATED, 'API key required in x-api-key metadata'],
      ['tk-v1-abc', Status.UNAUTHENTICATED, 'Invalid API key format'],
      [key.slice(0, -1) + last, Status.UNAUTHENTICATED, 'Invalid API key'],
    ] as const) {
      const ended = await server.sync({}, { 'x-api-key': given })
      assert.deepEqual([ended.code, ended.details], [code, details])
    }
    assert.equal((await server.sync({}, { 'x-api-key': key.toUpperCase() })).code, Status.OK)
    await keysStore.revoke(server.keyId)
    await using later = await startSensorApi()
    await later.keysStore.revoke(later.keyId)
    const revoked = await later.sync()
    assert.deepEqual([revoked.code, revoked.details], [Status.PERMISSION_DENIED, 'API key has been revoked'])
    const metrics = await server.metrics()
    for (const reason of ['missing', 'malformed', 'unknown']) {
      assert.match(metrics, new RegExp(`^trapperkeeper_auth_failures_total\\{reason="${reason}"\\} 1$`, 'm'))
    }
  })

  it('is answered after a second from the 21st failure in a minute on, and never with the key in a log', async () => {
    const clock = new FakeClock(1_795_000_000_000)
    const lines: string[] = []
    const note = (message: string, fields: unknown) => void lines.push(message + JSON.stringify(fields))
    const log: Logger = { debug: note, info: note, warn: note, error: note }
    await using server = await startSensorApi({ clock, log })
    const wrong = server.key.replace(/.$/, last => (last === '0' ? '1' : '0'))
    for (let failures = 0; failures < 22; failures++) await server.sync({}, { 'x-api-key': wrong })
    assert.deepEqual(clock.slept, [1000, 1000])
    await server.sync()
    assert.deepEqual(clock.slept, [1000, 1000], 'who has a key does not wait')
    clock.advance(60_000)
    await server.sync({}, { 'x-api-key': wrong })
    assert.equal(clock.slept.length, 2)
    assert.ok(lines.some(line => line.includes('call refused') && line.includes('127.0.0.1')))
    assert.deepEqual(
      lines.filter(line => line.includes(wrong.slice(40)) || line.includes(server.key.slice(40))),
      [],
    )
  })

  it('is limited in calls by key, and told when to come again', async () => {
    const clock = new FakeClock(1_795_000_000_000)
    await using server = await startSensorApi({ clock, env: { TK_KEY_CALLS_PER_SECOND: '2', TK_KEY_CALLS_BURST: '3' } })
    const codes = async (count: number) => {
      const ends = []
      for (let i = 0; i < count; i++) ends.push(await server.sync())
      return ends
    }
    const ends = await codes(4)
    assert.deepEqual(
      ends.map(({ code }) => code),
      [Status.OK, Status.OK, Status.OK, Status.RESOURCE_EXHAUSTED],
    )
    assert.deepEqual(ends[3]?.trailers.get('retry-after-ms'), ['500'])
    clock.advance(500)
    assert.equal((await server.sync()).code, Status.OK)
  })

  it('finds a request by its id, which the server makes when there is none', async () => {
    await using server = await startSensorApi()
    const given = await server.sync({}, { 'x-request-id': '0199-abc' })
    assert.equal(given.headers['x-request-id'], '0199-abc')
    const failed = await server.sync({ tags: ['-'] }, { 'x-request-id': '0199-def' })
    assert.deepEqual(failed.trailers.get('x-request-id'), ['0199-def'])
    const refused = await server.sync({}, { 'x-request-id': '0199-ghi', 'x-api-key': undefined })
    assert.deepEqual(refused.trailers.get('x-request-id'), ['0199-ghi'])
    for (const id of [undefined, 'has spaces', 'x'.repeat(129)]) {
      assert.match(String((await server.sync({}, { 'x-request-id': id })).headers['x-request-id']), /^[\w-]{36}$/)
    }
  })

  it('learns nothing of files while keys cannot be checked', async () => {
    await using server = await startSensorApi()
    server.keysStore.fault = new PulltraceError(Code.Unavailable, '/data/tk.db is in use')
    const { code, details, trailers } = await server.sync()
    assert.deepEqual([code, details], [Status.UNAVAILABLE, 'API keys cannot be checked now'])
    assert.deepEqual(trailers.get('retry-after-ms'), ['1000'])
  })

  it('is told of a bad value in any script, also where it is cut in the middle of a character', async () => {
    await using server = await startSensorApi()
    for (const tag of ['é', '😀'.repeat(100), `x${'😀'.repeat(100)}`, '\u0000', '%', '\n']) {
      const { code, details } = await server.sync({ tags: [tag] })
      assert.equal(code, Status.INVALID_ARGUMENT)
      assert.match(details, /^tags\[0\] must be/)
    }
  })

  it('learns nothing of a bug but the request that it happened in', async () => {
    await using server = await startSensorApi()
    server.store.fault = new PulltraceError(Code.Internal, 'no such table: secrets')
    const { code, details } = await server.sync({}, { 'x-request-id': 'r-1' })
    assert.deepEqual([code, details], [Status.INTERNAL, 'internal error, request r-1'])
  })
})

describe('what a request may be', () => {
  const env = { TK_MAX_REQUEST_MIB: '1', TK_MAX_IN_FLIGHT_MIB: '2', TK_MAX_EVENT_KIB: '1024' }

  it('is refused above the limit by its first bytes, and the limit is told', async () => {
    await using server = await startSensorApi({ env })
    const message = Buffer.alloc(10)
    const headers = { 'x-api-key': server.key }
    const { status, message: details } = await rawCall(server.address, { headers, message, saidLength: 1_048_577 })
    assert.equal(status, Status.RESOURCE_EXHAUSTED)
    assert.match(details, /larger than max \(1048577 vs 1048576\)/)
  })

  it('is small where no key is needed, packed or not', async () => {
    await using server = await startSensorApi()
    const path = '/grpc.health.v1.Health/Check'
    const plain = await rawCall(server.address, { path, message: Buffer.alloc(10), saidLength: 10 })
    assert.notEqual(plain.status, Status.RESOURCE_EXHAUSTED)
    const large = await rawCall(server.address, { path, message: Buffer.alloc(70_000), saidLength: 60_000_000 })
    assert.deepEqual(
      [large.status, large.message],
      [Status.RESOURCE_EXHAUSTED, 'requests of this call must be at most 65536 bytes'],
    )
    const headers = { 'grpc-encoding': 'gzip' }
    const bomb = gzipSync(Buffer.alloc(60_000_000))
    const packed = await rawCall(server.address, { path, headers, packed: true, message: bomb })
    assert.deepEqual(
      [packed.status, packed.message],
      [Status.RESOURCE_EXHAUSTED, 'requests of this call must be at most 4096 bytes'],
    )
  })

  it('is taken at the limit', async () => {
    await using server = await startSensorApi({ env })
    const empty = requestOf([goodEvent({ recordJson: Buffer.alloc(0) })]).byteLength
    const record = Buffer.from(`"${'x'.repeat(1_048_576 - empty - 12)}"`)
    const message = requestOf([goodEvent({ recordJson: record })])
    assert.ok(message.byteLength > 1_048_560 && message.byteLength <= 1_048_576, String(message.byteLength))
    const { status } = await rawCall(server.address, { headers: { 'x-api-key': server.key }, message })
    assert.equal(status, Status.OK)
    assert.equal(server.api.metrics !== undefined && server.store.stored.size, 1)
  })

  it('may be packed with gzip, whole or not at all', async () => {
    await using server = await startSensorApi()
    const headers = { 'x-api-key': server.key, 'grpc-encoding': 'gzip' }
    const packed = await rawCall(server.address, { headers, packed: true, message: gzipSync(requestOf()) })
    const plain = await rawCall(server.address, { headers, message: requestOf() })
    assert.deepEqual([packed.status, plain.status, server.store.stored.size], [Status.OK, Status.OK, 2])
  })

  it('is refused when it unpacks to more than the limit, also when it lies about it', async () => {
    await using server = await startSensorApi({ env })
    const headers = { 'x-api-key': server.key, 'grpc-encoding': 'gzip' }
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
    assert.ok(bomb.byteLength < 100_000)
    const honest = await rawCall(server.address, { headers, packed: true, message: bomb })
    assert.equal(honest.status, Status.RESOURCE_EXHAUSTED)
    assert.match(honest.message, /unpacks to 33554432 bytes; at most 1048576/)
    bomb.writeUInt32LE(1000, bomb.byteLength - 4)
    const lying = await rawCall(server.address, { headers, packed: true, message: bomb })
    assert.equal(lying.status, Status.RESOURCE_EXHAUSTED)
    assert.match(lying.message, /more bytes than it says/)
  })

  it('is refused in a packing that nobody reads, and as bytes that are no message', async () => {
    await using server = await startSensorApi()
    const headers = { 'x-api-key': server.key }
    const packed = true
    const deflate = { ...headers, 'grpc-encoding': 'deflate' }
    const other = await rawCall(server.address, { headers: deflate, packed, message: requestOf() })
    assert.equal(other.status, Status.UNIMPLEMENTED)
    const gzip = { ...headers, 'grpc-encoding': 'gzip' }
    const broken = Buffer.concat([gzipSync(requestOf()).subarray(0, 40), Buffer.alloc(8, 1)])
    broken.writeUInt32LE(100, broken.byteLength - 4)
    const notGzip = await rawCall(server.address, { headers: gzip, packed, message: broken })
    assert.equal(notGzip.status, Status.INVALID_ARGUMENT)
    const garbage = await rawCall(server.address, { headers, message: Buffer.from([0x0f, 0xff, 0xff]) })
    assert.deepEqual([garbage.status, garbage.message], [Status.INVALID_ARGUMENT, 'the message cannot be decoded'])
  })

  it('is turned away, to come again, while requests in flight hold all that they may', async () => {
    await using server = await startSensorApi({ env })
    const { promise, resolve } = Promise.withResolvers<void>()
    server.store.held = promise
    const big = () => goodEvent({ recordJson: Buffer.from(`"${'x'.repeat(900_000)}"`) })
    const held = [server.report({ events: [big()] }), server.report({ events: [big()] })]
    await eventuallyHolds(async () =>
      assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 1[89]\d{5}$/m),
    )
    const third = await server.report({ events: [big()] })
    assert.equal(third.code, Status.UNAVAILABLE)
    assert.match(third.details, /at most 2097152 may/)
    assert.deepEqual(third.trailers.get('retry-after-ms'), ['1000'])
    assert.equal((await server.sync()).code, Status.OK, 'a small one still fits')
    resolve()
    for (const { code } of await Promise.all(held)) assert.equal(code, Status.OK)
    assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 0$/m)
  })

  for (const [name, said] of [
    ['in the middle of it', 1_000_000],
    ['before its end', 20_000],
  ] as const) {
    it(`gives back what it held when its client goes away ${name}`, async () => {
      await using server = await startSensorApi()
      const session = connectHttp2(`http://${server.address}`)
      const stream = session.request({
        ':method': 'POST',
        ':path': '/trapperkeeper.sensor.v1.SensorAPI/ReportEvents',
        'content-type': 'application/grpc',
        te: 'trailers',
        'x-api-key': server.key,
      })
      stream.on('error', () => {})
      const frame = Buffer.alloc(20_005)
      frame.writeUInt32BE(said, 1)
      stream.write(frame)
      await eventuallyHolds(async () => assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 20005$/m))
      stream.close(constants.NGHTTP2_CANCEL)
      await eventuallyHolds(async () => assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 0$/m))
      session.destroy()
    })
  }
})

describe('how a call ends', () => {
  it('when its request does not arrive in time, with nothing left behind', async () => {
    await using server = await startSensorApi({ env: { TK_REQUEST_TIMEOUT: '1s' } })
    const message = Buffer.alloc(20_000)
    const call = { headers: { 'x-api-key': server.key }, message, saidLength: 1_000_000, unended: true }
    const { status, message: details } = await rawCall(server.address, call)
    assert.equal(status, Status.DEADLINE_EXCEEDED)
    assert.equal(details, 'the request did not arrive within 1 s')
    assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 0$/m)
    const again = await server.report({ events: [goodEvent()] })
    assert.equal(again.code, Status.OK, again.details)
  })

  it('by its deadline, with nothing left behind', async () => {
    await using server = await startSensorApi()
    const { promise, resolve } = Promise.withResolvers<void>()
    server.store.held = promise
    const code = await new Promise(done => {
      const request = ReportEventsRequest.decode(requestOf())
      server.client.reportEvents(request, server.metadata(), { deadline: Date.now() + 100 }, error => done(error?.code))
    })
    assert.equal(code, Status.DEADLINE_EXCEEDED)
    resolve()
    await eventuallyHolds(async () => assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes 0$/m))
  })

  it('finished, when the service stops meanwhile; the next is turned away', async () => {
    const server = await startSensorApi()
    server.store.set({ rules: [fakeRule(1)] })
    const { promise, resolve } = Promise.withResolvers<void>()
    server.store.held = promise
    const running = server.report({ events: [goodEvent()] })
    await eventuallyHolds(async () => assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes [1-9]/m))
    server.api.state.refusing = true
    const refused = await server.sync()
    assert.deepEqual([refused.code, refused.details], [Status.UNAVAILABLE, 'tk-sensor-api is stopping'])
    const closed = server.api.close(10_000)
    const late = new SensorAPIClient(server.address, credentials.createInsecure())
    assert.equal((await sync(late, {}, { 'x-api-key': server.key })).code, Status.UNAVAILABLE)
    late.close()
    resolve()
    const done = await running
    assert.equal(done.code, Status.OK, done.details)
    await closed
    server.client.close()
  })

  it('cut, when it has not ended within the grace', async () => {
    const server = await startSensorApi()
    server.store.held = new Promise(() => {})
    const running = server.report({ events: [goodEvent()] })
    await eventuallyHolds(async () => assert.match(await server.metrics(), /^trapperkeeper_inflight_bytes [1-9]/m))
    await server.api.close(50)
    assert.notEqual((await running).code, Status.OK)
    server.client.close()
  })

  it('with ENHANCE_YOUR_CALM for a client that pings and pings', async () => {
    await using server = await startSensorApi()
    const session = connectHttp2(`http://${server.address}`)
    const gone = once(session, 'goaway')
    session.on('error', () => {})
    const stream = session.request({
      ':method': 'POST',
      ':path': '/trapperkeeper.sensor.v1.SensorAPI/SyncRules',
      'content-type': 'application/grpc',
    })
    stream.on('error', () => {})
    stream.resume()
    stream.end(Buffer.alloc(5))
    await once(stream, 'response')
    for (let pings = 0; pings < 40 && !session.closed; pings++) {
      await new Promise<void>(done => {
        if (!session.ping(() => done())) done()
      }).catch(() => {})
    }
    const [code, , data] = (await gone) as [number, number, Buffer]
    assert.deepEqual([code, String(data)], [11, 'too_many_pings'])
    session.destroy()
  })
})
