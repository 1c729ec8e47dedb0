import assert from 'node:assert/strict'
import {
  durationMs,
  integer,
  isLoopback,
  list,
  listenAddress,
  loadSettings,
  oneOf,
  optionalText,
  text,
  url,
} from './settings.ts'

const table = {
  node: text('X_NODE', undefined, 'name of the node'),
  interval: durationMs(100, 300_000, '100ms to 5m')('X_INTERVAL', '2s', 'how often'),
  level: oneOf(['info', 'warn'])('X_LEVEL', 'info', 'log level'),
  server: url('X_URL', 'http://localhost:8080', 'the server'),
  names: list('X_NAMES', '', 'names'),
  file: optionalText('X_FILE', '', 'a file'),
  clients: integer(1, 10)('X_CLIENTS', '5', 'clients'),
  address: listenAddress('X_ADDR', ':8080', 'address'),
}

describe('loadSettings', () => {
  it('takes defaults, and an empty variable as unset', () => {
    const values = loadSettings('x', table, { X_NODE: 'a', X_INTERVAL: '' })
    assert.deepEqual(
      { ...values, server: values.server.href },
      {
        node: 'a',
        interval: 2000,
        level: 'info',
        server: 'http://localhost:8080/',
        names: [],
        file: undefined,
        clients: 5,
        address: { host: undefined, port: 8080, setting: 'X_ADDR' },
      },
    )
  })

  it('names every fault at once, each with what would be right and what is there', () => {
    const env = { X_INTERVAL: '9m', X_LEVEL: 'loud', X_URL: 'ftp://x', X_CLIENTS: '1.5', X_ADDR: '8080' }
    assert.throws(
      () => loadSettings('x', table, env),
      (error: Error) => {
        for (const part of [
          'x cannot start',
          'X_NODE must be set: name of the node',
          "X_INTERVAL must be a duration such as '2s' from 100ms to 5m, got '9m'",
          "X_LEVEL must be one of 'info', 'warn', got 'loud'",
          'X_URL must be an http or https URL',
          "X_CLIENTS must be an integer from 1 to 10, got '1.5'",
          "X_ADDR must be 'host:port' or ':port'",
        ]) {
          assert.ok(error.message.includes(part), `${part}\n  in ${error.message}`)
        }
        return true
      },
    )
  })
})

describe('integer', () => {
  const { parse } = integer(1, 100)('X', undefined, '')
  it('reads digits', () => assert.equal(parse('42'), 42))
  for (const written of ['0x10', '1e1', ' 5', '5.0', '', '0', '101']) {
    it(`refuses '${written}'`, () => assert.throws(() => parse(written), { message: 'an integer from 1 to 100' }))
  }
})

describe('listenAddress', () => {
  for (const [written, host, port] of [
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['[::1]:9090', '::1', 9090],
    [':9090', undefined, 9090],
  ] as const) {
    it(`reads '${written}'`, () => assert.deepEqual(table.address.parse(written), { host, port, setting: 'X_ADDR' }))
  }
  for (const written of ['localhost', '1:2:3', ':99999', 'a b:1', '::1:80']) {
    it(`refuses '${written}'`, () => assert.throws(() => table.address.parse(written)))
  }
})

describe('isLoopback', () => {
  for (const [host, expected] of [
    ['127.0.0.1', true],
    ['127.8.9.1', true],
    ['::1', true],
    ['localhost', true],
    ['0.0.0.0', false],
    ['127.example.com', false],
    [undefined, false],
  ] as const) {
    it(`${host} is ${expected ? '' : 'not '}loopback`, () => assert.equal(isLoopback({ host, port: 1 }), expected))
  }
})
