import assert from 'node:assert/strict'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { Env } from '../../core/lib/settings.ts'
import { containerdSocketOf, planUp } from './plan-up.ts'

describe('planUp', () => {
  const socket = '/run/containerd/containerd.sock'
  const config = (spec: PulltraceConfigSpec) =>
    ({ apiVersion: 'pulltrace.dev/v1alpha1', kind: 'PulltraceConfig', metadata: { name: 'a' }, spec }) as const
  const plan = (spec: PulltraceConfigSpec = {}, env: Env = {}, trouble?: string) =>
    planUp(config(spec), env, { socket, trouble }, 'laptop', '/tmp/x/demo.sock')

  for (const { name, spec, env, trouble, program, setting, value } of [
    { name: 'listens on loopback', program: 'server', setting: 'PULLTRACE_HTTP_ADDR', value: '127.0.0.1:8080' },
    {
      name: 'lets the environment move a port',
      env: { PULLTRACE_HTTP_ADDR: '127.0.0.1:1' },
      program: 'server',
      setting: 'PULLTRACE_HTTP_ADDR',
      value: '127.0.0.1:1',
    },
    {
      name: 'takes an empty variable as unset',
      env: { PULLTRACE_METRICS_ADDR: '' },
      program: 'server',
      setting: 'PULLTRACE_METRICS_ADDR',
      value: '127.0.0.1:9090',
    },
    {
      name: 'moves the port of the agent',
      env: { PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:2' },
      program: 'agent',
      setting: 'PULLTRACE_AGENT_METRICS_ADDR',
      value: '127.0.0.1:2',
    },
    {
      name: 'takes the interval from the file',
      spec: { reportInterval: '7s' },
      program: 'agent',
      setting: 'PULLTRACE_REPORT_INTERVAL',
      value: '7s',
    },
    {
      name: 'lets the environment win over the file',
      spec: { reportInterval: '7s' },
      env: { PULLTRACE_REPORT_INTERVAL: '1s' },
      program: 'server',
      setting: 'PULLTRACE_REPORT_INTERVAL',
      value: '1s',
    },
    {
      name: 'lets anyone read on loopback when the file is silent',
      program: 'server',
      setting: 'PULLTRACE_READER_AUTH',
      value: 'none',
    },
    {
      name: 'wants a token elsewhere when the file is silent',
      env: { PULLTRACE_HTTP_ADDR: ':8080' },
      program: 'server',
      setting: 'PULLTRACE_READER_AUTH',
      value: 'token',
    },
    {
      name: 'does as the file says about readers',
      spec: { server: { readerAuth: 'token' } },
      program: 'server',
      setting: 'PULLTRACE_READER_AUTH',
      value: 'token',
    },
    { name: 'keeps its data here', program: 'server', setting: 'PULLTRACE_DATA_DIR', value: './data' },
    {
      name: 'watches every containerd namespace',
      program: 'agent',
      setting: 'PULLTRACE_CONTAINERD_NAMESPACES',
      value: '*',
    },
    {
      name: 'watches the namespaces it is told to',
      env: { PULLTRACE_CONTAINERD_NAMESPACES: 'k8s.io' },
      program: 'agent',
      setting: 'PULLTRACE_CONTAINERD_NAMESPACES',
      value: 'k8s.io',
    },
    {
      name: "watches the machine's own containerd",
      program: 'agent',
      setting: 'PULLTRACE_CONTAINERD_SOCKET',
      value: socket,
    },
    { name: 'names the node after the machine', program: 'agent', setting: 'PULLTRACE_NODE_NAME', value: 'laptop' },
    {
      name: 'watches the demo runtime when there is no containerd',
      trouble: 'gone',
      program: 'agent',
      setting: 'PULLTRACE_CONTAINERD_SOCKET',
      value: '/tmp/x/demo.sock',
    },
    {
      name: 'names the demo node so that every view shows it',
      env: { PULLTRACE_NODE_NAME: 'mine' },
      trouble: 'gone',
      program: 'agent',
      setting: 'PULLTRACE_NODE_NAME',
      value: 'demo-data-mine',
    },
    {
      name: 'tells the demo runtime its socket',
      trouble: 'gone',
      program: 'demo',
      setting: 'PULLTRACE_DEMO_SOCKET',
      value: '/tmp/x/demo.sock',
    },
    ...(['server', 'agent', 'demo'] as const).map(program => ({
      name: `lets the ${program} say what up waits for, however little is to be shown`,
      env: { PULLTRACE_LOG_LEVEL: 'error' },
      trouble: 'none',
      program,
      setting: 'PULLTRACE_LOG_LEVEL',
      value: 'info',
    })),
    {
      name: 'hands down a level that shows more',
      env: { PULLTRACE_LOG_LEVEL: 'debug' },
      program: 'agent',
      setting: 'PULLTRACE_LOG_LEVEL',
      value: 'debug',
    },
    {
      name: 'hands the agent token to both',
      env: { PULLTRACE_AGENT_TOKEN_FILE: '/t' },
      program: 'agent',
      setting: 'PULLTRACE_AGENT_TOKEN_FILE',
      value: '/t',
    },
  ] as {
    name: string
    spec?: PulltraceConfigSpec
    env?: Env
    trouble?: string
    program: 'server' | 'agent' | 'demo'
    setting: string
    value: string
  }[]) {
    it(name, () => assert.equal(plan(spec, env, trouble)[program]?.[setting], value))
  }

  it('shows no made-up pulls to who names a socket, but says why it cannot be used', () =>
    assert.throws(() => plan({}, { PULLTRACE_CONTAINERD_SOCKET: socket }, 'nothing listens on it'), {
      code: 'invalid',
      message: `PULLTRACE_CONTAINERD_SOCKET must be a socket that containerd listens on: nothing listens on it, got '${socket}'`,
    }))

  it('gives the server no key but its own where it is the sensor here', () => {
    const env = { TK_API_KEY: 'a', TK_API_KEY_FILE: '/b' }
    const keys = (spec: PulltraceConfigSpec) => {
      const { TK_API_KEY: key, TK_API_KEY_FILE: file } = plan(spec, env).server
      return [key, file]
    }
    assert.deepEqual(keys({ rules: { enabled: true } }), [undefined, undefined])
    assert.deepEqual(keys({}), ['a', '/b'])
  })

  it('needs no demo runtime where there is a containerd', () => assert.equal(plan().demo, undefined))

  it('says on the pages of rules that the data is made up where it is, unless something else is to be said', () => {
    const rules = { rules: { enabled: true } }
    const notice = (env: Env, trouble?: string) => plan(rules, env, trouble).rules!.webUi['TK_NOTICE']
    assert.match(notice({}, 'none')!, /^DEMO DATA: /)
    assert.equal(notice({ TK_NOTICE: 'ours' }, 'none'), 'ours')
    assert.equal(notice({}), undefined)
  })

  it('gives no program a variable that nothing reads, of which each would warn', () => {
    const env = { PULLTRACE_DATADIR: '/x', TK_META_TEAM: 'a', HOME: '/' }
    const { unknown, server, agent, demo, rules } = plan({ rules: { enabled: true } }, env, 'none')
    assert.deepEqual(unknown, [{ name: 'PULLTRACE_DATADIR', near: 'PULLTRACE_DATA_DIR' }])
    for (const given of [server, agent, demo!, rules!.sensorApi, rules!.webUi]) {
      assert.deepEqual(
        Object.keys(env).map(name => given[name]),
        [undefined, 'a', '/'],
      )
    }
  })
  it('lists what it ignores', () =>
    assert.deepEqual(plan({ server: { tls: { secretName: 'a' } } }).ignored, ['spec.server.tls']))
  it('looks for the socket of the environment before that of the file', () => {
    const file = config({ agent: { runtime: { socket: '/run/k3s/containerd/containerd.sock' } } })
    assert.equal(containerdSocketOf(file, {}), '/run/k3s/containerd/containerd.sock')
    assert.equal(containerdSocketOf(file, { PULLTRACE_CONTAINERD_SOCKET: '/x' }), '/x')
  })

  it('looks for the socket that the agent will open, also when it is written as a URL', () => {
    const env = { PULLTRACE_CONTAINERD_SOCKET: 'unix:///run/c.sock' }
    assert.equal(containerdSocketOf(config({}), env), '/run/c.sock')
  })
})
