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

  it('runs the pages of rules on the same database, secret and loopback', () => {
    const { webUi, sensorApi, passwordFile } = planRules(enabled, { TK_HMAC_SECRET: 'a', TK_HTTP_ADDR: '' }, '/d')!
    assert.deepEqual([webUi['TK_HTTP_ADDR'], webUi['TK_UI_METRICS_ADDR']], ['127.0.0.1:8090', '127.0.0.1:9093'])
    for (const name of ['TK_DATABASE_URL', 'TK_HMAC_SECRET']) assert.equal(webUi[name], sensorApi[name])
    assert.equal(passwordFile, '/d/tk-admin-password')
  })

  it('moves the pages, and takes the first password from a file that is named', () => {
    const env = { TK_HTTP_ADDR: '127.0.0.1:1', TK_UI_METRICS_ADDR: '127.0.0.1:2', TK_ADMIN_PASSWORD_FILE: '/p' }
    const { webUi, passwordFile } = planRules(enabled, env, '/d')!
    assert.deepEqual(
      [webUi['TK_HTTP_ADDR'], webUi['TK_UI_METRICS_ADDR'], passwordFile],
      ['127.0.0.1:1', '127.0.0.1:2', '/p'],
    )
  })

  it('has the line written that tells where it listens, whatever level is asked for', () => {
    assert.equal(planRules(enabled, { PULLTRACE_LOG_LEVEL: 'error' }, '/d')!.sensorApi['TK_LOG_LEVEL'], 'info')
    // One that is none is told by the programs whose setting it is.
    assert.equal(planRules(enabled, { PULLTRACE_LOG_LEVEL: 'loud' }, '/d')!.sensorApi['TK_LOG_LEVEL'], 'info')
    assert.equal(planRules(enabled, { TK_LOG_LEVEL: 'loud' }, '/d')!.sensorApi['TK_LOG_LEVEL'], 'loud')
  })

  it('makes the server its sensor, by the file of the key alone', () => {
    const plan = planRules(enabled, {}, '/d')!
    assert.deepEqual(sensorSettings(plan, {}, 'http://127.0.0.1:7'), {
      TK_SYNC_INTERVAL: '5s',
      TK_API_URL: 'http://127.0.0.1:7',
      TK_API_KEY_FILE: '/d/tk-api-key',
    })
  })
})
