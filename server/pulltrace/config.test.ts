import assert from 'node:assert/strict'
import { loadServerConfig, needsKubernetes } from './config.ts'

const local = { PULLTRACE_HTTP_ADDR: '127.0.0.1:0', PULLTRACE_READER_AUTH: 'none' }
const open = { PULLTRACE_AGENT_TOKEN: 'agent-secret', PULLTRACE_READER_TOKEN: 'reader-secret' }

describe('loadServerConfig', () => {
  it('has a default for everything but the tokens', () => {
    const config = loadServerConfig(open)
    assert.deepEqual(config.httpAddr, { host: undefined, port: 8080, setting: 'PULLTRACE_HTTP_ADDR' })
    assert.equal(config.idleReportIntervalMs, config.reportIntervalMs)
    assert.equal(config.tls, undefined)
  })

  it('takes no token where the API server knows callers', () => {
    const env = { PULLTRACE_AGENT_AUTH: 'kubernetes', PULLTRACE_READER_AUTH: 'kubernetes' }
    const config = loadServerConfig(env)
    assert.deepEqual({ agents: config.agents, readers: config.readers }, { agents: undefined, readers: undefined })
    assert.deepEqual(config.agentServiceAccount, { namespace: 'pulltrace-agents', name: 'pulltrace-agent' })
    assert.equal(needsKubernetes(config), true)
    assert.equal(needsKubernetes(loadServerConfig(open)), false)
  })

  it('takes reports without a token on loopback', () => {
    const { agents, readers } = loadServerConfig(local)
    assert.deepEqual({ agents, readers }, { agents: undefined, readers: undefined })
  })

  it('judges pulls by rules only where it is told from where to have them', () => {
    assert.equal(loadServerConfig({ ...local, TK_TAGS: 'shop' }).rules, undefined)
    const { rules } = loadServerConfig({
      ...local,
      TK_API_URL: 'https://tk.example.com:50051',
      TK_API_KEY: 'tk-v1-secret',
      TK_TAGS: 'shop, region:eu',
    })
    assert.equal(rules?.apiUrl.href, 'https://tk.example.com:50051/')
    assert.deepEqual([rules?.tags, rules?.syncIntervalMs], [['shop', 'region:eu'], 30_000])
    assert.doesNotMatch(JSON.stringify(rules), /tk-v1-secret/)
  })

  for (const { name, env, says } of [
    {
      name: 'an address that others reach without an agent token',
      env: { PULLTRACE_READER_TOKEN: 'r' },
      says: /PULLTRACE_AGENT_TOKEN_FILE must be set when PULLTRACE_HTTP_ADDR is not loopback/,
    },
    {
      name: "'none' that is not said, on loopback too",
      env: { PULLTRACE_HTTP_ADDR: '127.0.0.1:0' },
      says: /PULLTRACE_READER_TOKEN_FILE must be set when PULLTRACE_READER_AUTH is 'token'/,
    },
    {
      name: 'a shared token that nobody would look at',
      env: { ...open, PULLTRACE_AGENT_AUTH: 'kubernetes' },
      says: /PULLTRACE_AGENT_TOKEN and PULLTRACE_AGENT_TOKEN_FILE must not be set when PULLTRACE_AGENT_AUTH is 'kubernetes'/,
    },
    {
      name: 'a ServiceAccount without its namespace',
      env: { ...local, PULLTRACE_AGENT_SERVICE_ACCOUNT: 'pulltrace-agent' },
      says: /PULLTRACE_AGENT_SERVICE_ACCOUNT must be 'namespace\/name' of a Kubernetes object/,
    },
    {
      name: 'a ConfigMap with a path in its name',
      env: { ...local, PULLTRACE_SETTINGS_CONFIGMAP: 'pulltrace-system/../x' },
      says: /PULLTRACE_SETTINGS_CONFIGMAP must be 'namespace\/name'/,
    },
    {
      name: 'an address of rules without a key for it',
      env: { ...local, TK_API_URL: 'http://127.0.0.1:50051' },
      says: /TK_API_KEY_FILE must be set when TK_API_URL is/,
    },
    {
      name: 'tags that no rule could name',
      env: { ...local, TK_TAGS: 'pulltrace,two words' },
      says: /TK_TAGS must hold tags, and each of them must be .*, got 'two words'/,
    },
    {
      name: 'a key file that is not there',
      env: { ...local, TK_API_KEY_FILE: '/no/such/key' },
      says: /TK_API_KEY_FILE must be a file that exists, got '\/no\/such\/key'/,
    },
    {
      name: 'rules that would be fetched all the time',
      env: { ...local, TK_SYNC_INTERVAL: '1s' },
      says: /TK_SYNC_INTERVAL must be a duration such as '2s' from 5s to 24h/,
    },
    {
      name: 'a token and a file of it',
      env: { ...open, PULLTRACE_AGENT_TOKEN_FILE: '/t' },
      says: /PULLTRACE_AGENT_TOKEN and PULLTRACE_AGENT_TOKEN_FILE must not both be set/,
    },
    {
      name: 'a token that no header can carry',
      env: { ...open, PULLTRACE_READER_TOKEN: 'a b' },
      says: /PULLTRACE_READER_TOKEN must be one token without white space/,
    },
    { name: 'half a certificate', env: { ...local, PULLTRACE_TLS_KEY_FILE: '/k' }, says: /must be set together/ },
    {
      name: 'an origin with a path',
      env: { ...local, PULLTRACE_CORS_ORIGINS: 'https://a.example/x' },
      says: /PULLTRACE_CORS_ORIGINS must hold origins/,
    },
    {
      name: 'an idle interval below the other',
      env: { ...local, PULLTRACE_IDLE_REPORT_INTERVAL: '1s' },
      says: /PULLTRACE_IDLE_REPORT_INTERVAL must be greater/,
    },
    {
      name: 'a database',
      env: { ...local, PULLTRACE_DATABASE_URL: 'postgres://x' },
      says: /PULLTRACE_DATABASE_URL must not be set/,
    },
  ]) {
    it(`refuses ${name}`, () => assert.throws(() => loadServerConfig(env), { message: says }))
  }

  it('names all faults at once and never a token', () => {
    const env = {
      PULLTRACE_METRICS_ADDR: 'x',
      PULLTRACE_REPORT_INTERVAL: '1ms',
      PULLTRACE_AGENT_TOKEN: 'hunter2',
      PULLTRACE_CORS_ORIGINS: 'x',
      PULLTRACE_TLS_KEY_FILE: '/k',
    }
    assert.throws(
      () => loadServerConfig(env),
      ({ message }: Error) =>
        /METRICS_ADDR.*REPORT_INTERVAL.*READER_TOKEN_FILE.*TLS_CERT_FILE.*CORS_ORIGINS/.test(message) &&
        !message.includes('hunter2'),
    )
  })

  it('says of a faulty setting only that, not what would follow from it', () => {
    assert.throws(() => loadServerConfig({ ...local, PULLTRACE_HTTP_ADDR: '8080' }), {
      message: /^[^;]*HTTP_ADDR[^;]*$/,
    })
  })

  it('shows no token when it is written out', () => {
    assert.ok(!JSON.stringify(loadServerConfig(open)).includes('-secret'))
  })
})
