import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { ConfigError } from '../errors.ts'
import type { SensorOptions } from './options.ts'
import { parseOptions } from './parse-options.ts'

const parse = (options: object, env: Record<string, string> = {}) =>
  parseOptions({ apiKey: 'key', env, ...options } as SensorOptions)

function faultsOf(options: object, env: Record<string, string> = {}): readonly string[] {
  try {
    parse(options, env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.faults
  }
  return []
}

describe('parseOptions', () => {
  it('has a default for everything but the key', () => {
    const { apiKey, apiUrl, ...rest } = parse({})
    assert.deepEqual([apiKey.reveal(), apiUrl.href], ['key', 'http://127.0.0.1:50051/'])
    assert.deepEqual(rest, {
      tags: [],
      metadata: {},
      syncIntervalMs: 30_000,
      syncMode: 'background',
      failureMode: 'fail-safe',
      cacheTtlMs: 300_000,
      bufferEvents: 10_000,
      bufferBytes: 104_857_600,
      raiseOnFail: true,
      compress: true,
      disabled: false,
      ca: undefined,
    })
  })

  it('reads the environment', () => {
    const { apiKey, apiUrl, ...rest } = parseOptions({
      env: {
        TK_API_URL: 'https://tk.example.com',
        TK_API_KEY: ' from-env\n',
        TK_TAGS: 'production, region:us-west-2,production,',
        TK_META_TEAM: 'data',
        TK_META_: 'no name',
        TK_SYNC_INTERVAL: '1m30s',
        TK_SYNC_MODE: 'manual',
        TK_FAILURE_MODE: 'fail-open-with-cache',
        TK_CACHE_TTL: '90',
        TK_OVERFLOW: 'error',
        TK_BUFFER_EVENTS: '5',
        TK_BUFFER_BYTES: '2048',
        TK_DISABLED: '1',
      },
    })
    assert.deepEqual([apiKey.reveal(), apiUrl.origin], ['from-env', 'https://tk.example.com'])
    assert.deepEqual(rest, {
      tags: ['production', 'region:us-west-2'],
      metadata: { team: 'data' },
      syncIntervalMs: 90_000,
      syncMode: 'manual',
      failureMode: 'fail-open-with-cache',
      cacheTtlMs: 90_000,
      bufferEvents: 5,
      bufferBytes: 2_048,
      raiseOnFail: true,
      compress: true,
      disabled: true,
      ca: undefined,
    })
  })

  it('prefers what it is given to the environment, metadata pair by pair, and takes an empty variable for none', () => {
    const env = { TK_API_KEY: 'env', TK_TAGS: 'env', TK_META_A: 'env', TK_META_B: 'env', TK_SYNC_INTERVAL: '' }
    const settings = parse(
      { tags: ['given'], metadata: { a: 'given' }, disabled: false },
      { ...env, TK_DISABLED: 'true' },
    )
    assert.deepEqual(
      [settings.apiKey.reveal(), settings.tags, settings.metadata, settings.syncIntervalMs, settings.disabled],
      ['key', ['given'], { a: 'given', b: 'env' }, 30_000, false],
    )
  })

  for (const [value, ms] of [
    ['1500ms', undefined],
    ['5s', 5_000],
    [5, 5_000],
    ['7.5', 7_500],
    ['24h', 86_400_000],
    [86_401, undefined],
    ['4999ms', undefined],
    [Number.NaN, undefined],
    ['', undefined],
    [true, undefined],
  ] as const) {
    it(`${ms === undefined ? 'refuses' : 'reads'} ${inspect(value)} as a sync interval`, () => {
      if (ms === undefined) assert.match(faultsOf({ syncInterval: value })[0]!, /^syncInterval must be a duration/)
      else assert.equal(parse({ syncInterval: value }).syncIntervalMs, ms)
    })
  }

  for (const [name, options, env, fault] of [
    ['no key', { apiKey: undefined }, {}, 'apiKey or TK_API_KEY must be set'],
    [
      'a path in the URL',
      { apiUrl: 'http://a/b' },
      {},
      /^apiUrl must be an http or https URL without path.*got "http:\/\/a\/b"$/,
    ],
    ['a URL of another kind', {}, { TK_API_URL: 'grpc://a' }, /^TK_API_URL must be an http or https URL/],
    ['a bad tag', { tags: ['ok', 'not ok'] }, {}, /^tags must be a list of tags: "not ok" must be 1 to 128/],
    ['65 tags', { tags: Array.from({ length: 65 }, (_, n) => `t${n}`) }, {}, /at most 64 tags: there are 65/],
    [
      'an unknown mode',
      { failureMode: 'fail-fast' },
      {},
      /^failureMode must be one of 'fail-safe', .*got "fail-fast"$/,
    ],
    [
      'a bad number',
      {},
      { TK_BUFFER_EVENTS: '1e3' },
      /^TK_BUFFER_EVENTS must be an integer from 1 to 1000000, got "1e3"$/,
    ],
    ['a bad boolean', { compress: 'maybe' }, {}, /^compress must be 'true' or 'false'/],
    ['a CA that is none', { ca: 'secret' }, {}, 'ca must be certificates as PEM text'],
    ['a misspelt option', { failuremode: 'x' }, {}, `there is no option "failuremode"; did you mean 'failureMode'?`],
    [
      'a reserved metadata key',
      { metadata: { $a: '' } },
      {},
      "Metadata keys cannot start with '$' (reserved for system use)",
    ],
    ['sync mode offline', { syncMode: 'offline' }, {}, /'offline' is not available yet/],
    [
      'dropping on overflow',
      {},
      { TK_OVERFLOW: 'drop_oldest' },
      /^TK_OVERFLOW must be 'error': 'drop_oldest' is not available yet/,
    ],
    ['blocking on overflow', { overflow: 'block' }, {}, /'block' is not available yet/],
    ['a block timeout', {}, { TK_BLOCK_TIMEOUT: '5s' }, 'TK_BLOCK_TIMEOUT is not available yet'],
    ['a snapshot file', { snapshotFile: '/a' }, {}, 'snapshotFile is not available yet'],
    ['masks', { masks: ['/a'] }, {}, 'masks is not available yet'],
    ['stopOn first', { stopOn: 'first' }, {}, `stopOn must be 'terminal': "first" is not available yet`],
  ] as const) {
    it(`refuses ${name}`, () => {
      const faults = faultsOf(options, env)
      assert.equal(faults.length, 1)
      if (typeof fault === 'string') assert.equal(faults[0], fault)
      else assert.match(faults[0]!, fault)
    })
  }

  it('names all faults at once, and never a key', () => {
    const faults = faultsOf({ apiKey: 'my secret key', syncMode: 'x', bufferEvents: 0, tags: 'a b' })
    assert.equal(faults.length, 4)
    assert.ok(!faults.join().includes('secret'))
  })

  it('takes stopOn terminal, the only way there is', () => {
    assert.deepEqual(faultsOf({ stopOn: 'terminal' }), [])
  })
})
