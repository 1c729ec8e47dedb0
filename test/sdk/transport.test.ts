import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ServerCredentials, status } from '@grpc/grpc-js'
import { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import { createAuthority } from '../cluster/certificates.ts'
import { openSensor, wireRule } from './open-sensor.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const hot = { temperature: 120 }

describe('the calls of the sensor', () => {
  it('have deadlines: five seconds a sync, thirty a report', async () => {
    await using server = await ScriptedServer.start()
    server.rules = [wireRule()]
    await using sensor = await openSensor(server)
    sensor.check(hot)
    await sensor.flush()
    const [sync, report] = [server.syncs[0]!.deadlineMs, server.reports[0]!.deadlineMs]
    assert.ok(sync > 3_000 && sync <= 5_000, String(sync))
    assert.ok(report > 25_000 && report <= 30_000, String(report))
  })

  it('have ten seconds for all tries of a sync together', async () => {
    await using server = await ScriptedServer.start()
    const clock = new SteppedClock(0)
    server.plays.sync.push({ fail: status.UNAVAILABLE, retryAfterMs: 8_000 })
    const opening = openSensor(server, { clock })
    await clock.whenSleeping()
    await clock.advance(8_000)
    await using sensor = await opening
    assert.equal(sensor.state, 'READY')
    assert.ok(server.syncs[1]!.deadlineMs <= 2_000, String(server.syncs[1]!.deadlineMs))
    server.plays.sync.push({ fail: status.UNAVAILABLE, retryAfterMs: 10_000 })
    // Nothing is waited for in vain.
    assert.equal((await sensor.sync()).ok, false)
    assert.equal(server.syncs.length, 3)
  })

  it('give up a sync of a server that does not answer', async function () {
    this.timeout(30_000)
    await using server = await ScriptedServer.start()
    server.plays.sync.push('silence', 'silence')
    const startedMs = performance.now()
    await using sensor = await openSensor(server)
    assert.equal(sensor.state, 'ERROR')
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs > 9_000 && tookMs < 15_000, String(tookMs))
    assert.equal((await sensor.sync()).ok, true)
  })

  it('are compressed unless told otherwise', async () => {
    await using server = await ScriptedServer.start()
    server.rules = [wireRule()]
    for (const compress of [true, false]) {
      await using sensor = await openSensor(server, { compress })
      const before = server.receivedBytes
      sensor.check({ ...hot, text: 'x'.repeat(500_000) })
      await sensor.flush()
      const bytes = server.receivedBytes - before
      assert.ok(compress ? bytes < 50_000 : bytes > 500_000, String(bytes))
    }
    assert.ok(server.reports.every(({ bytes }) => bytes > 500_000))
  })

  it('are over TLS for an https URL, to a server whose authority is trusted, and to no other', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sensor-tls-'))
    try {
      const authority = await createAuthority(folder)
      const { keyFile, certificateFile } = await authority.serve('tk', {
        names: ['localhost'],
        addresses: ['127.0.0.1'],
      })
      const pair = { private_key: await readFile(keyFile), cert_chain: await readFile(certificateFile) }
      await using server = await ScriptedServer.start({ credentials: ServerCredentials.createSsl(null, [pair]) })
      server.rules = [wireRule()]
      const apiUrl = server.url.replace('http://127.0.0.1', 'https://localhost')
      await using trusting = await openSensor(server, { apiUrl, ca: await readFile(authority.certificateFile, 'utf8') })
      assert.deepEqual([trusting.state, trusting.check(hot).matches.length], ['READY', 1])
      await using careful = await openSensor(server, { apiUrl })
      assert.equal(careful.state, 'ERROR')
      assert.match((await careful.sync()).error!, /UNAVAILABLE.*(certificate|issuer)/i)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('read an answer of 20 MB', async () => {
    await using server = await ScriptedServer.start()
    const value = 'x'.repeat(10_000)
    server.rules = Array.from({ length: 2_000 }, () =>
      wireRule('observe', { field: ['name'], op: 'neq', field_type: 'text', value }),
    )
    await using sensor = await openSensor(server)
    assert.deepEqual([sensor.state, sensor.stats().rules], ['READY', 2_000])
  })
})
