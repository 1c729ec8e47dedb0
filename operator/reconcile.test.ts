import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import { FakeApiServer } from '../core/kube/api-server.fake.ts'
import type { CustomObject, KubeObject, Resource, V1ConfigMap, V1Secret } from '../core/kube/objects.ts'
import {
  configMaps,
  daemonSets,
  networkPolicies,
  pulltraceConfigs,
  secrets,
  serviceMonitors,
  services,
  statefulSets,
} from '../core/kube/resources.ts'
import { systemClock } from '../core/lib/clock.ts'
import { silentLogger } from '../core/lib/log.ts'
import { settings } from './plan/build.fake.ts'
import { type Reconciler, reconcile } from './reconcile.ts'
import type { ConfigStatus } from './status.ts'

const reader = 'pulltrace-system/pulltrace-reader'
const names = [
  'pulltrace-system/pulltrace-settings',
  'pulltrace-system/pulltrace-server',
  'pulltrace-agents/pulltrace-agent',
  'pulltrace-agents/pulltrace-server-ca',
]

describe('reconcile, of which no watch has brought anything yet', () => {
  let server: FakeApiServer
  let parts: Reconciler
  let tokens = 0

  beforeEach(async () => {
    server = await FakeApiServer.start()
    const config: KubeObject = { metadata: { name: 'pulltrace' } }
    server.put(pulltraceConfigs, config)
    parts = {
      api: server.api(),
      observer: { configs: () => [], owned: () => [], hasServiceMonitors: false },
      settings,
      events: { event() {} },
      clock: systemClock,
      log: silentLogger,
      metrics: { wrote() {} },
      written: new Map(),
      newToken: () => `token-${++tokens}`,
    }
  })
  afterEach(async () => {
    parts.api.close()
    await server[Symbol.asyncDispose]()
  })

  const look = () => reconcile(parts, 'pulltrace', AbortSignal.timeout(10_000))
  const ask = (spec: PulltraceConfigSpec) =>
    server.put(pulltraceConfigs, { metadata: { name: 'pulltrace' }, spec } as KubeObject)
  const putSelfSigned = () => {
    const data = { 'tls.crt': selfSigned('pulltrace-server.pulltrace-system.svc'), 'tls.key': 'k' }
    server.put<V1Secret>(secrets, {
      metadata: { name: 'tls', namespace: 'pulltrace-system' },
      data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
    })
    return data['tls.crt']
  }
  const trusted = () => server.find<V1ConfigMap>(configMaps, 'pulltrace-agents/pulltrace-server-ca')?.data?.['ca.crt']
  const token = () => server.find<V1Secret>(secrets, reader)?.data?.['token']

  it('leaves the token that readers have', async () => {
    await look()
    const first = token()
    assert.ok(first)
    await look()
    assert.equal(token(), first)
  })

  it('looks at the certificate again before long, as nobody tells when it is renewed', async () => {
    assert.deepEqual(await look(), { afterMs: 60_000 }, 'the roll-out')
    ask({ server: { tls: { secretName: 'tls' } } })
    const certificate = putSelfSigned()
    assert.deepEqual(await look(), { afterMs: 30_000 })
    assert.equal(trusted(), certificate)
  })

  describe('while the certificate is wrong', () => {
    const observe = () => {
      const kinds = [configMaps, daemonSets, statefulSets, services, networkPolicies] as Resource<KubeObject>[]
      const owned = kinds.flatMap(resource =>
        names.flatMap(name => {
          const object = server.find(resource, name)
          return object === undefined ? [] : [{ resource, object }]
        }),
      )
      parts = { ...parts, observer: { ...parts.observer, owned: () => owned } }
    }
    const interval = () =>
      server.find<V1ConfigMap>(configMaps, 'pulltrace-system/pulltrace-settings')?.data?.['reportInterval']
    const stalledFor = () => {
      const { conditions } = server.find<CustomObject>(pulltraceConfigs, 'pulltrace')!.status as ConfigStatus
      return conditions.find(({ type, status }) => type === 'Stalled' && status === 'True')?.reason
    }
    const version = (resource: Resource<KubeObject>, name: string) =>
      server.find(resource, name)?.metadata?.resourceVersion

    it('follows another interval and puts agents back, and lets the server and the authority be', async () => {
      const tls = { server: { tls: { secretName: 'tls' } } }
      ask(tls)
      const certificate = putSelfSigned()
      await look()
      server.put<V1Secret>(secrets, { metadata: { name: 'tls', namespace: 'pulltrace-system' }, data: {} })
      const before = version(statefulSets, 'pulltrace-system/pulltrace-server')
      server.remove(daemonSets, 'pulltrace-agents/pulltrace-agent')
      observe()
      ask({ ...tls, reportInterval: '7s', watchNamespaces: ['a'] })
      assert.deepEqual(await look(), { afterMs: 15_000 })
      assert.equal(stalledFor(), 'TlsSecretInvalid')
      assert.equal(interval(), '7s')
      assert.ok(server.find(daemonSets, 'pulltrace-agents/pulltrace-agent'))
      assert.equal(version(statefulSets, 'pulltrace-system/pulltrace-server'), before)
      assert.equal(trusted(), certificate)
    })

    it('leaves agents and Services of a server without TLS as they are', async () => {
      await look()
      observe()
      const speakers = [
        [daemonSets, 'pulltrace-agents/pulltrace-agent'],
        [services, 'pulltrace-system/pulltrace-server'],
        [statefulSets, 'pulltrace-system/pulltrace-server'],
      ] as [Resource<KubeObject>, string][]
      const versions = () => speakers.map(([resource, name]) => version(resource, name))
      const before = versions()
      assert.ok(before.every(seen => seen !== undefined))
      ask({ reportInterval: '7s', server: { tls: { secretName: 'missing' }, readerAuth: 'none' } })
      await look()
      assert.deepEqual(versions(), before)
      assert.equal(interval(), '7s')
      assert.ok(token(), 'the server that runs has it mounted')
    })
  })

  it('names to Prometheus a key that the Secret has: one that is not there ends the scrape', async () => {
    parts = { ...parts, observer: { ...parts.observer, hasServiceMonitors: true } }
    ask({ server: { tls: { secretName: 'tls' } } })
    putSelfSigned()
    await look()
    const monitor = server.find<CustomObject>(serviceMonitors, 'pulltrace-system/pulltrace')
    const { endpoints } = monitor!['spec'] as { endpoints: { tlsConfig: { ca: object } }[] }
    assert.deepEqual(endpoints[0]?.tlsConfig.ca, { secret: { name: 'tls', key: 'tls.crt' } })
  })
})

function selfSigned(host: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null']
  const about = ['-days', '1', '-subj', '/CN=self', '-addext', `subjectAltName=DNS:${host}`]
  return execFileSync('openssl', ['req', '-x509', ...key, ...about], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
}
