import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { agentSettings, loadAgentConfig } from '../agent/config.ts'
import { containerPaths, ports } from '../core/contract/cluster-names.ts'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { V1Container, V1DaemonSet, V1StatefulSet } from '../core/kube/objects.ts'
import type { Env } from '../core/lib/settings.ts'
import { agentDaemonSet } from '../operator/plan/agent-daemonset.ts'
import { inputOf } from '../operator/plan/build.fake.ts'
import { serverStatefulSet } from '../operator/plan/server-statefulset.ts'
import { loadServerConfig, settings as serverSettings } from '../server/pulltrace/config.ts'

/** The operator and the programs never import each other: what one writes must be what the others read. */
describe('the pods that the operator makes', () => {
  const specs: readonly (readonly [string, PulltraceConfigSpec])[] = [
    ['of an empty spec', {}],
    ['with TLS', { server: { tls: { secretName: 'tls' } } }],
    ['for readers of the cluster', { server: { readerAuth: 'kubernetes' }, watchNamespaces: ['a', 'b'] }],
    ['for everyone', { server: { readerAuth: 'none', history: { retention: '24h' } }, idleReportInterval: '30s' }],
  ]
  const containerOf = ({ object }: { object: V1DaemonSet | V1StatefulSet }) =>
    object.spec!.template.spec!.containers[0]!
  const envOf = ({ env = [] }: V1Container): Env =>
    Object.fromEntries(env.map(({ name, value }) => [name, value ?? 'node-a']))
  const isMounted = ({ volumeMounts = [] }: V1Container, file: string) =>
    volumeMounts.some(({ mountPath }) => file.startsWith(`${mountPath}/`))

  /** The paths are those of a pod, where this is none: a file that is there stands for each. */
  const withFiles = (env: Env): Env =>
    Object.fromEntries(Object.entries(env).map(([name, value]) => [name, name.endsWith('_FILE') ? thisFile : value]))
  const thisFile = fileURLToPath(import.meta.url)

  const unknownIn = (env: Env, settings: Readonly<Record<string, { readonly name: string }>>) => {
    const known = new Set(Object.values(settings).map(setting => setting.name))
    return Object.keys(env).filter(name => name.startsWith('PULLTRACE_') && !known.has(name))
  }

  for (const [name, spec] of specs) {
    it(`have settings that pulltrace-server takes, ${name}`, () => {
      const container = containerOf(serverStatefulSet(inputOf(spec)))
      const env = envOf(container)
      const config = loadServerConfig(withFiles(env))
      assert.equal(config.httpAddr.port, ports.http)
      assert.equal(config.dataDir, containerPaths.serverData)
      assert.deepEqual(unknownIn(env, serverSettings), [])
      for (const [key, value] of Object.entries(env)) {
        if (key.endsWith('_FILE')) assert.ok(isMounted(container, value!), `${key} ${value}`)
      }
    })

    it(`have settings that pulltrace-agent takes, ${name}`, () => {
      const container = containerOf(agentDaemonSet(inputOf(spec)))
      const env = envOf(container)
      const config = loadAgentConfig(withFiles(env))
      assert.deepEqual(unknownIn(env, agentSettings), [])
      assert.equal(config.serverUrl.protocol, spec.server?.tls ? 'https:' : 'http:')
      assert.equal(config.nodeName, 'node-a')
      assert.ok(isMounted(container, config.socket))
      assert.ok(isMounted(container, env['PULLTRACE_AGENT_TOKEN_FILE']!))
      const ca = env['PULLTRACE_CA_FILE']
      assert.ok(ca === undefined || isMounted(container, ca))
      assert.equal(ca !== undefined, spec.server?.tls !== undefined)
    })
  }
})
