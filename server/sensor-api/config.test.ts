import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { loadSensorApiConfig } from './config.ts'

const local = { TK_GRPC_ADDR: '127.0.0.1:50051' }

describe('loadSensorApiConfig', () => {
  it('has a default for everything, on loopback', () => {
    const config = loadSensorApiConfig(local)
    assert.equal(config.databaseFile, './data/tk.db')
    assert.deepEqual(config.metricsAddr, { host: undefined, port: 9092, setting: 'TK_SENSOR_METRICS_ADDR' })
    assert.equal(config.eventsRetentionMs, 720 * 3_600_000)
    assert.equal(config.maxInFlightBytes, 268_435_456)
    assert.deepEqual(config.limits, {
      maxRequestBytes: 67_108_864,
      maxEventsPerRequest: 10_000,
      maxEventBytes: 1_048_576,
      minSyncIntervalMs: 5000,
    })
  })

  it('takes keys in clear text from others only when told to', () => {
    assert.throws(() => loadSensorApiConfig({}), /TK_TLS_CERT_FILE must be set.*TK_ALLOW_PLAINTEXT=true/)
    assert.equal(loadSensorApiConfig({ TK_ALLOW_PLAINTEXT: 'true' }).tls, undefined)
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-tk-config-'))
    const file = path.join(folder, 'tls')
    writeFileSync(file, '')
    const { tls } = loadSensorApiConfig({ TK_TLS_CERT_FILE: file, TK_TLS_KEY_FILE: file })
    assert.deepEqual(tls, { certFile: file, keyFile: file })
    rmSync(folder, { recursive: true })
  })

  for (const [given, file] of [
    ['file:///var/lib/tk.db', '/var/lib/tk.db'],
    ['file:data/tk.db', 'data/tk.db'],
    ['/var/lib/tk.db', '/var/lib/tk.db'],
  ] as const) {
    it(`finds the database of ${given}`, () => {
      assert.equal(loadSensorApiConfig({ ...local, TK_DATABASE_URL: given }).databaseFile, file)
    })
  }

  it('names every fault at once', () => {
    const env = {
      TK_GRPC_ADDR: 'here',
      TK_DATABASE_URL: 'postgres://db/tk',
      TK_TLS_CERT_FILE: '/no/such/file',
      TK_MAX_REQUEST_MIB: '64',
      TK_MAX_IN_FLIGHT_MIB: '32',
      TK_HMAC_SECRET: 'short',
    }
    assert.throws(
      () => loadSensorApiConfig(env),
      (error: Error) => {
        for (const part of [
          "TK_GRPC_ADDR must be 'host:port'",
          'TK_DATABASE_URL must be the path or file: URL of a SQLite database',
          "TK_TLS_CERT_FILE must be a file that exists, got '/no/such/file'",
          'TK_TLS_CERT_FILE and TK_TLS_KEY_FILE must be set together',
          "TK_MAX_IN_FLIGHT_MIB must be at least TK_MAX_REQUEST_MIB, 64, got '32'",
          'TK_HMAC_SECRET must be',
        ])
          assert.ok(error.message.includes(part), `${part} in ${error.message}`)
        return true
      },
    )
  })
})
