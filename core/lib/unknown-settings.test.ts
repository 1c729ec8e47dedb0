import assert from 'node:assert/strict'
import { silentLogger } from './log.ts'
import { unknownSettings, warnOfUnknownSettings } from './unknown-settings.ts'

describe('unknownSettings', () => {
  for (const [name, env, expected] of [
    ['a letter that changed places', { TK_HTPP_ADDR: ':1' }, [{ name: 'TK_HTPP_ADDR', near: 'TK_HTTP_ADDR' }]],
    ['a name like no other', { PULLTRACE_FOO: 'x' }, [{ name: 'PULLTRACE_FOO', near: undefined }]],
    ['settings of every program', { TK_HTTP_ADDR: 'x', PULLTRACE_NODE_NAME: 'x', TK_HMAC_SECRET_9: 'x' }, []],
    ['settings of sensors', { TK_FAILURE_MODE: 'x', TK_META_TEAM: 'x' }, []],
    ['what is not ours', { HOME: '/', MY_TK_FOO: 'x', TKX: 'x' }, []],
    [
      'what Kubernetes says of Services',
      {
        PULLTRACE_SERVER_SERVICE_HOST: '10.0.0.1',
        PULLTRACE_SERVER_SERVICE_PORT: '8080',
        PULLTRACE_SERVER_SERVICE_PORT_HTTP: '8080',
        PULLTRACE_SERVER_PORT: 'tcp://10.0.0.1:8080',
        PULLTRACE_SERVER_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
        PULLTRACE_SERVER_PORT_8080_TCP_PROTO: 'tcp',
        TK_SENSOR_API_PORT: 'tcp://[fd00::1]:50051',
        TK_SENSOR_API_PORT_50051_TCP_ADDR: 'fd00::1',
      },
      [],
    ],
    ['a port that no Service has', { TK_GRPC_PORT: '50051' }, [{ name: 'TK_GRPC_PORT', near: undefined }]],
  ] as const) {
    it(`finds what nothing reads: ${name}`, () => assert.deepEqual(unknownSettings(env), expected))
  }
})

describe('warnOfUnknownSettings', () => {
  it('names the setting that was meant, and never what was set', () => {
    const said: unknown[] = []
    const log = { ...silentLogger, warn: (message: string, fields = {}) => void said.push([message, fields]) }
    warnOfUnknownSettings({ TK_HTPP_ADDR: 'secret', PULLTRACE_FOO: 'secret' }, log)
    assert.deepEqual(said, [
      [
        'setting not known, nothing reads it',
        { name: 'PULLTRACE_FOO', fix: 'docs/configuration.md lists every setting' },
      ],
      ['setting not known, nothing reads it', { name: 'TK_HTPP_ADDR', fix: 'did you mean TK_HTTP_ADDR?' }],
    ])
  })
})
