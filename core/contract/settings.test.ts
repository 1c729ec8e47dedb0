import assert from 'node:assert/strict'
import { clusterOnlyFields, settingsOf } from './settings.ts'

describe('settingsOf', () => {
  it('fills in what an empty spec leaves out', () => {
    assert.deepEqual(settingsOf({}, 'token'), {
      server: {
        PULLTRACE_REPORT_INTERVAL: '2s',
        PULLTRACE_READER_AUTH: 'token',
      },
      agent: { PULLTRACE_REPORT_INTERVAL: '2s', PULLTRACE_CONTAINERD_SOCKET: '/run/containerd/containerd.sock' },
    })
  })

  for (const { name, spec, program, setting, value } of [
    {
      name: 'the interval',
      spec: { reportInterval: '5s' },
      program: 'server',
      setting: 'PULLTRACE_REPORT_INTERVAL',
      value: '5s',
    },
    {
      name: 'the interval',
      spec: { reportInterval: '5s' },
      program: 'agent',
      setting: 'PULLTRACE_REPORT_INTERVAL',
      value: '5s',
    },
    {
      name: 'the interval while idle',
      spec: { idleReportInterval: '30s' },
      program: 'server',
      setting: 'PULLTRACE_IDLE_REPORT_INTERVAL',
      value: '30s',
    },
    {
      name: 'the retention',
      spec: { server: { history: { retention: '24h' } } },
      program: 'server',
      setting: 'PULLTRACE_HISTORY_TTL',
      value: '24h',
    },
    {
      name: 'how readers are known',
      spec: { server: { readerAuth: 'none' } },
      program: 'server',
      setting: 'PULLTRACE_READER_AUTH',
      value: 'none',
    },
    {
      name: 'the namespaces',
      spec: { watchNamespaces: ['a', 'b'] },
      program: 'server',
      setting: 'PULLTRACE_WATCH_NAMESPACES',
      value: 'a,b',
    },
    {
      name: 'the socket',
      spec: { agent: { runtime: { socket: '/run/k3s/containerd/containerd.sock' } } },
      program: 'agent',
      setting: 'PULLTRACE_CONTAINERD_SOCKET',
      value: '/run/k3s/containerd/containerd.sock',
    },
  ] as const) {
    it(`gives the ${program} ${name}`, () => assert.equal(settingsOf(spec as never, 'token')[program][setting], value))
  }
})

describe('clusterOnlyFields', () => {
  it('names what one machine cannot honour, and not what is empty', () => {
    const spec = {
      reportInterval: '2s',
      watchNamespaces: [],
      agent: { nodeSelector: {}, tolerations: [{ operator: 'Exists' as const }], runtime: {} },
      server: { storage: { size: '2Gi' }, tls: { secretName: 'tls' } },
    }
    assert.deepEqual(clusterOnlyFields(spec), ['spec.agent.tolerations', 'spec.server.storage', 'spec.server.tls'])
  })
})
