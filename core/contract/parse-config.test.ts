import assert from 'node:assert/strict'
import fc from 'fast-check'
import { parsePulltraceConfig } from './parse-config.ts'

const config = (spec?: unknown, rest: object = {}) => ({
  apiVersion: 'pulltrace.dev/v1alpha1',
  kind: 'PulltraceConfig',
  metadata: { name: 'pulltrace' },
  ...(spec === undefined ? {} : { spec }),
  ...rest,
})

const faultsOf = (value: unknown) =>
  (parsePulltraceConfig(value).faults ?? []).map(({ path, reason }) => `${reason} ${path}`)

describe('parsePulltraceConfig', () => {
  for (const { name, value } of [
    { name: 'accepts a resource without a spec', value: config() },
    { name: 'accepts an empty spec', value: config({}) },
    { name: 'accepts both bounds of a duration', value: config({ reportInterval: '100ms', idleReportInterval: '5m' }) },
    { name: 'accepts equal intervals', value: config({ reportInterval: '30s', idleReportInterval: '30s' }) },
    { name: 'accepts a key with nothing after it', value: config({ agent: null, server: { history: null } }) },
    {
      name: 'accepts label keys with dots and slashes',
      value: config({ agent: { nodeSelector: { 'kubernetes.io/os': 'linux' } } }),
    },
    {
      name: 'accepts a number of agents that may be down',
      value: config({ agent: { updateStrategy: { maxUnavailable: 3 } } }),
    },
    {
      name: 'accepts what a cluster adds',
      value: config({}, { metadata: { name: 'a', uid: 'x', managedFields: [] }, status: { conditions: [] } }),
    },
    {
      name: 'accepts the socket of k3s',
      value: config({ agent: { runtime: { socket: '/run/k3s/containerd/containerd.sock' } } }),
    },
    { name: 'accepts rules that are switched off', value: config({ rules: { enabled: false } }) },
  ]) {
    it(name, () => assert.deepEqual(faultsOf(value), []))
  }

  for (const { name, value, faults } of [
    { name: 'refuses what is no map', value: 'hello', faults: ['Invalid '] },
    {
      name: 'names every field that is missing',
      value: {},
      faults: ['Invalid apiVersion', 'Invalid kind', 'Invalid metadata'],
    },
    { name: 'refuses another kind', value: config({}, { kind: 'Pod' }), faults: ['Invalid kind'] },
    {
      name: 'refuses a resource without a name',
      value: config({}, { metadata: {} }),
      faults: ['Invalid metadata.name'],
    },
    {
      name: 'refuses an interval below its bound',
      value: config({ reportInterval: '99ms' }),
      faults: ['Invalid spec.reportInterval'],
    },
    {
      name: 'refuses an interval above its bound',
      value: config({ reportInterval: '5m1s' }),
      faults: ['Invalid spec.reportInterval'],
    },
    {
      name: 'refuses an interval that is a number',
      value: config({ reportInterval: 2 }),
      faults: ['Invalid spec.reportInterval'],
    },
    {
      name: 'refuses an idle interval below the interval',
      value: config({ reportInterval: '10s', idleReportInterval: '5s' }),
      faults: ['Invalid spec.idleReportInterval'],
    },
    {
      name: 'refuses an idle interval below the default interval',
      value: config({ idleReportInterval: '1s' }),
      faults: ['Invalid spec.idleReportInterval'],
    },
    {
      name: 'refuses a socket outside the runtime directories',
      value: config({ agent: { runtime: { socket: '/etc/shadow' } } }),
      faults: ['Invalid spec.agent.runtime.socket'],
    },
    {
      name: 'refuses a socket that climbs out',
      value: config({ agent: { runtime: { socket: '/run/containerd/../x' } } }),
      faults: ['Invalid spec.agent.runtime.socket'],
    },
    {
      name: 'refuses a toleration of everything that does not say Exists',
      value: config({ agent: { tolerations: [{}] } }),
      faults: ['Invalid spec.agent.tolerations[0].operator'],
    },
    {
      name: 'refuses a label key that no node can have',
      value: config({ agent: { nodeSelector: { 'a b': 'c' } } }),
      faults: ['Invalid spec.agent.nodeSelector'],
    },
    {
      name: 'refuses a value that is not looked at',
      value: config({ agent: { tolerations: [{ key: 'a', operator: 'Exists', value: 'b' }] } }),
      faults: ['Invalid spec.agent.tolerations[0].value'],
    },
    {
      name: 'refuses a time on an effect that evicts nobody',
      value: config({ agent: { tolerations: [{ key: 'a', tolerationSeconds: 1 }] } }),
      faults: ['Invalid spec.agent.tolerations[0].effect'],
    },
    {
      name: 'refuses to set aside more than may be used',
      value: config({ server: { resources: { requests: { memory: '1Gi' }, limits: { memory: '512Mi' } } } }),
      faults: ['Invalid spec.server.resources.requests.memory'],
    },
    {
      name: 'refuses the memory of someone who meant Mi',
      value: config({ agent: { resources: { limits: { memory: '128m' } } } }),
      faults: ['Invalid spec.agent.resources.limits.memory'],
    },
    {
      name: 'refuses a namespace that is named twice',
      value: config({ watchNamespaces: ['a', 'a'] }),
      faults: ['Invalid spec.watchNamespaces'],
    },
    {
      name: 'refuses a namespace that cannot be one',
      value: config({ watchNamespaces: ['a.b'] }),
      faults: ['Invalid spec.watchNamespaces[0]'],
    },
    {
      name: 'refuses a socket name with a newline',
      value: config({ agent: { runtime: { socket: '/run/containerd/a\n' } } }),
      faults: ['Invalid spec.agent.runtime.socket'],
    },
    {
      name: 'refuses unknown fields at every depth',
      value: config({ agent: { runtime: { sock: 'x' } } }, { extra: 1 }),
      faults: ['UnknownField spec.agent.runtime.sock', 'UnknownField extra'],
    },
    {
      name: 'refuses a share above all',
      value: config({ agent: { updateStrategy: { maxUnavailable: '101%' } } }),
      faults: ['Invalid spec.agent.updateStrategy.maxUnavailable'],
    },
    {
      name: 'refuses a bad quantity by its key',
      value: config({ server: { resources: { limits: { memory: 'much' } } } }),
      faults: ['Invalid spec.server.resources.limits.memory'],
    },
    {
      name: 'refuses a bad item of a list',
      value: config({ agent: { tolerations: [{}, { effect: 'Never' }] } }),
      faults: ['Invalid spec.agent.tolerations[1].effect'],
    },
    {
      name: 'names every fault at once',
      value: config({ reportInterval: '1h', server: { readerAuth: 'maybe', storage: { size: -1 } }, rulez: {} }),
      faults: [
        'Invalid spec.reportInterval',
        'UnknownField spec.rulez',
        'Invalid spec.server.storage.size',
        'Invalid spec.server.readerAuth',
      ],
    },
  ]) {
    it(name, () => assert.deepEqual(faultsOf(value).sort(), [...faults].sort()))
  }

  it('takes Kubernetes readers in a cluster, and refuses them on one machine', () => {
    const value = config({ server: { readerAuth: 'kubernetes' } })
    assert.equal(parsePulltraceConfig(value, 'cluster').faults, undefined)
    const [fault] = parsePulltraceConfig(value, 'machine').faults!
    assert.equal(`${fault!.reason} ${fault!.path}`, 'NotAvailable spec.server.readerAuth')
  })

  it('says what is wrong, the bound, the value and what to write', () => {
    const [fault] = parsePulltraceConfig(config({ reportInterval: '7m' })).faults!
    assert.equal(fault!.message, '`spec.reportInterval` must be a duration such as \'2s\' from 100ms to 5m, got "7m"')
    assert.equal(fault!.fix, 'write `reportInterval: 2s`')
  })

  it('guesses the field that was meant', () => {
    const [fault] = parsePulltraceConfig(config({ reportinterval: '2s' })).faults!
    assert.equal(fault!.fix, 'write `reportInterval`')
  })

  it('answers any value with a config or with faults, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (spec, agent) => {
        for (const value of [spec, config(spec), config({ agent, server: spec })]) {
          const { config: good, faults } = parsePulltraceConfig(value)
          assert.ok(good !== undefined || faults!.every(fault => fault.message !== '' && fault.bound !== ''))
        }
      }),
    )
  })
})
