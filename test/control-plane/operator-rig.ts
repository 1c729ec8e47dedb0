import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import { type KubeApi, openKubeApi } from '../../core/kube/kube-api.ts'
import type { CustomObject, KubeObject, Resource, V1DaemonSet, V1StatefulSet } from '../../core/kube/objects.ts'
import {
  configMaps,
  daemonSets,
  networkPolicies,
  pulltraceConfigs,
  secrets,
  services,
  statefulSets,
} from '../../core/kube/resources.ts'
import type { ConfigStatus } from '../../operator/status.ts'
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../cluster/control-plane.ts'
import { untilServed } from '../cluster/kinds.ts'
import { eventually } from '../eventually.ts'
import { makeRigDir, processRuns, removeRigDir, startChild, waitUntil } from '../rig/child.ts'

export const system = 'pulltrace-system'
export const agents = 'pulltrace-agents'
export const operatorAccount = `system:serviceaccount:${system}:pulltrace-operator`

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A real control plane with what config/install.yaml brings: the kind, namespaces, accounts and roles. */
export interface Scene extends AsyncDisposable {
  readonly plane: ControlPlane
  /** As cluster-admin. */
  readonly api: KubeApi
  readonly collectsGarbage: boolean
  /** Must succeed. */
  kubectl(args: readonly string[], input?: string): Promise<string>
}

export async function openScene(options: ControlPlaneOptions = {}): Promise<Scene> {
  const plane = await startControlPlane(options)
  const kubectl = async (args: readonly string[], input?: string) => {
    const { code, stdout, stderr } = await plane.kubectl(args, input)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  try {
    await kubectl(['apply', `--filename=${path.join(root, 'config/install.yaml')}`])
    await untilServed(plane, 'pulltraceconfigs')
    // Its pod would never run here; these tests start the operator themselves.
    await kubectl(['delete', 'deployment', 'pulltrace-operator', `--namespace=${system}`])
    const api = await openKubeApi({ kubeconfigFile: plane.kubeconfig(), userAgent: 'pulltrace-test' })
    const close = async () => {
      api.close()
      await plane.stop()
    }
    const collectsGarbage = options.controllerManager === true
    return { plane, api, kubectl, collectsGarbage, [Symbol.asyncDispose]: close }
  } catch (error) {
    await plane.stop()
    throw error
  }
}

export interface RunningOperator {
  readonly pid: number
  readonly metricsUrl: string
  log(): string
  lines(): readonly Record<string, unknown>[]
  runs(): boolean
  kill9(): Promise<void>
  /** Resolves with the exit code. */
  terminate(): Promise<number | null>
  stop(): Promise<void>
}

/** The sources, as a process of its own, with nothing of this process's settings. */
export async function startOperator(
  kubeconfigFile: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningOperator> {
  const dir = await makeRigDir('operator')
  const child = await startChild(
    process.execPath,
    [path.join(root, 'operator/main.ts')],
    path.join(dir, 'operator.log'),
    {
      PATH: process.env['PATH'],
      PULLTRACE_KUBECONFIG: kubeconfigFile,
      PULLTRACE_IMAGE: 'registry.example.com/pulltrace:test',
      PULLTRACE_OPERATOR_METRICS_ADDR: '127.0.0.1:0',
      ...env,
    },
  )
  const lines = () => jsonLines(child.log())
  const started = await waitUntil(child, async () => lines().find(({ msg }) => msg === 'operator started'))
  const { port } = started['address'] as { port: number }
  return {
    pid: child.pid,
    metricsUrl: `http://127.0.0.1:${port}`,
    log: child.log,
    lines,
    runs: () => processRuns(child.pid),
    kill9: () => child.end('SIGKILL'),
    async terminate() {
      await child.end('SIGTERM', 40_000)
      return child.exitCode()
    },
    async stop() {
      await child.end('SIGKILL')
      await removeRigDir(dir)
    },
  }
}

function jsonLines(log: string): Record<string, unknown>[] {
  return log.split('\n').flatMap(line => {
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      return [] // What Node itself prints, and a line that is being written.
    }
  })
}

export const configOf = (spec: PulltraceConfigSpec = {}, name = 'pulltrace'): CustomObject => ({
  apiVersion: 'pulltrace.dev/v1alpha1',
  kind: 'PulltraceConfig',
  metadata: { name },
  spec,
})

/** As `kubectl apply` does: what an earlier spec said and this one does not is gone. */
export const applyConfig = (api: KubeApi, spec: PulltraceConfigSpec = {}, name = 'pulltrace') =>
  api.apply(pulltraceConfigs, configOf(spec, name), { fieldManager: 'kubectl', force: true })

export const daemonSetOf = async (api: KubeApi): Promise<V1DaemonSet> =>
  (await api.get(daemonSets, 'pulltrace-agent', { namespace: agents }))!

export const statefulSetOf = async (api: KubeApi): Promise<V1StatefulSet> =>
  (await api.get(statefulSets, 'pulltrace-server', { namespace: system }))!

export const podOf = (set: V1DaemonSet | V1StatefulSet) => set.spec!.template.spec!

export const envOf = (set: V1DaemonSet | V1StatefulSet, name: string) =>
  podOf(set).containers[0]!.env?.find(variable => variable.name === name)?.value

/** All that a PulltraceConfig makes by default. */
export const made = [
  [configMaps, system, 'pulltrace-settings'],
  [secrets, system, 'pulltrace-reader'],
  [networkPolicies, system, 'pulltrace-server'],
  [networkPolicies, agents, 'pulltrace-agent'],
  [services, system, 'pulltrace-server'],
  [services, system, 'pulltrace-server-headless'],
  [statefulSets, system, 'pulltrace-server'],
  [daemonSets, agents, 'pulltrace-agent'],
] as const satisfies readonly (readonly [Resource<KubeObject>, string, string])[]

export const allMade = (api: KubeApi): Promise<(KubeObject | undefined)[]> =>
  Promise.all(made.map(([resource, namespace, name]) => api.get<KubeObject>(resource, name, { namespace })))

export const untilMade = (api: KubeApi, limitMs = 20_000) =>
  eventually(
    'everything is made',
    async () => {
      const all = await allMade(api)
      return all.every(object => object !== undefined) ? (all as KubeObject[]) : undefined
    },
    limitMs,
  )

export const configIn = (api: KubeApi, name = 'pulltrace') => api.get(pulltraceConfigs, name)

export async function statusOf(api: KubeApi, name = 'pulltrace'): Promise<ConfigStatus | undefined> {
  return (await api.get(pulltraceConfigs, name))?.status as ConfigStatus | undefined
}

/** The condition once it has this reason, and speaks of the newest spec. */
export const untilReason = (api: KubeApi, type: string, reason: string, name = 'pulltrace', limitMs = 20_000) =>
  eventually(
    `${type} of ${name} is ${reason}`,
    async () => {
      const config = await api.get(pulltraceConfigs, name)
      const status = config?.status as ConfigStatus | undefined
      if (status?.observedGeneration !== config?.metadata?.generation) return undefined
      return status?.conditions.find(condition => condition.type === type && condition.reason === reason)
    },
    limitMs,
  )

/** Removes the configs and all that they made: where there is a garbage collector, by waiting for it. */
export async function clear({ api, kubectl, collectsGarbage }: Scene): Promise<void> {
  await kubectl(['delete', 'pulltraceconfigs', '--all', '--wait=true'])
  const isGone = async () => {
    if (!collectsGarbage)
      await Promise.all(made.map(([kind, namespace, name]) => api.delete(kind, name, { namespace })))
    return (await allMade(api)).every(object => object === undefined) ? true : undefined
  }
  // It looks for new kinds every 30 s only: the first time that can be long.
  await eventually('everything is gone', isGone, 90_000)
}
