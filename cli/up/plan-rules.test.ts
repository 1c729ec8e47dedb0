import assert from 'node:assert/strict'
import { planRules, sensorSettings } from './plan-rules.ts'

const enabled = { rules: { enabled: true, retention: '24h' } }

describe('planRules', () => {
  it('runs nothing of rules unless the file asks for them', () => {
    assert.equal(planRules({}, {}, './data'), undefined)
    assert.equal(planRules({ rules: { enabled: false } }, {}, './data'), undefined)
  })

  it('leaves it to a tk-sensor-api that the environment names', () => {
    assert.equal(planRules(enabled, { TK_API_URL: 'https://tk.example.com' }, './data'), undefined)
  })

  it('listens on loopback, and keeps database and key in the data folder', () => {
    const { sensorApi, keyFile, databaseFile } = planRules(enabled, {}, '/d')!
    assert.equal(sensorApi['TK_GRPC_ADDR'], '127.0.0.1:50051')
    assert.equal(sensorApi['TK_SENSOR_METRICS_ADDR'], '127.0.0.1:9092')
    assert.equal(sensorApi['TK_EVENTS_RETENTION'], '24h')
    assert.deepEqual([sensorApi['TK_DATABASE_URL'], databaseFile, keyFile], ['/d/tk.db', '/d/tk.db', '/d/tk-api-key'])
  })

  it('lets the environment win, so that two copies run side by side', () => {
    const env = { TK_GRPC_ADDR: '127.0.0.1:1', TK_DATABASE_URL: 'file:///e/tk.db', TK_EVENTS_RETENTION: '1h' }
    const { sensorApi, databaseFile } = planRules(enabled, env, '/d')!
    assert.deepEqual([sensorApi['TK_GRPC_ADDR'], sensorApi['TK_EVENTS_RETENTION']], ['127.0.0.1:1', '1h'])
    assert.equal(databaseFile, '/e/tk.db')
  })

  it('has the line written that tells where it listens, whatever level is asked for', () => {
    assert.equal(planRules(enabled, { PULLTRACE_LOG_LEVEL: 'error' }, '/d')!.sensorApi['TK_LOG_LEVEL'], 'info')
  })

  it('makes the server its sensor, by the file of the key alone', () => {
    const plan = planRules(enabled, {}, '/d')!
    assert.deepEqual(sensorSettings(plan, {}, 'http://127.0.0.1:7'), {
      TK_SYNC_INTERVAL: '5s',
      TK_API_URL: 'http://127.0.0.1:7',
      TK_API_KEY: undefined,
      TK_API_KEY_FILE: '/d/tk-api-key',
    })
  })
})
