import { clusterNames, containerPaths, ports, rulesSecretKeys } from '../../core/contract/cluster-names.ts'
import { type Launch, launch } from '../../core/contract/launch.ts'
import { type ProgramSettings, sensorApiSettingsOf, webUiSettingsOf } from '../../core/contract/settings.ts'
import type { V1Container, V1EnvVar, V1Volume, V1VolumeMount } from '../../core/kube/objects.ts'
import type { PlanInput } from './input.ts'
import { containerOf, envOf, resourcesOf } from './pods.ts'

interface RuleProgram {
  readonly name: string
  readonly launch: Launch
  readonly settings: ProgramSettings
  /** The first is what it is there for, the other has its health. */
  readonly ports: readonly [name: string, port: number][]
  readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> }
  readonly mount: V1VolumeMount
}

const mountOf = (name: string, mountPath: string): V1VolumeMount => ({ name, mountPath, readOnly: true })

/** The key of the sensor that the server is: known to the server and to tk-sensor-api. */
export const apiKeyMount = mountOf('rules', containerPaths.rules)
const adminMount = mountOf('admin', containerPaths.admin)

function programsOf({ spec }: PlanInput): readonly RuleProgram[] {
  return [
    {
      name: 'sensor-api',
      launch: launch.sensorApi,
      settings: sensorApiSettingsOf(spec),
      ports: [
        ['grpc', ports.sensorApi],
        ['tk-metrics', ports.sensorApiMetrics],
      ],
      // Batches of events in flight may hold 256 MiB.
      resources: { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '768Mi' } },
      mount: apiKeyMount,
    },
    {
      name: 'web-ui',
      launch: launch.webUi,
      settings: webUiSettingsOf(spec),
      ports: [
        ['ui', ports.webUi],
        ['ui-metrics', ports.webUiMetrics],
      ],
      resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '512Mi' } },
      mount: adminMount,
    },
  ]
}

/**
 * tk-sensor-api and tk-web-ui, beside the server on its volume. They say themselves when they are ready; a pod is ready
 * when all of its containers are, so only their start and their life are probed: a database that is away must not keep
 * the server from being reached.
 */
export function rulesContainers(input: PlanInput, mounts: readonly V1VolumeMount[]): V1Container[] {
  if (!input.spec.rules?.enabled) return []
  const scheme = input.spec.server?.tls === undefined ? 'HTTP' : 'HTTPS'
  const secret: V1EnvVar = {
    name: 'TK_HMAC_SECRET',
    valueFrom: { secretKeyRef: { name: clusterNames.rules, key: rulesSecretKeys.hmacSecret } },
  }
  return programsOf(input).map(program => {
    const probe = { httpGet: { path: '/healthz', port: program.ports[1]![0], scheme }, timeoutSeconds: 5 }
    return {
      ...containerOf(program.name, input.settings, program.launch, [...envOf(program.settings), secret]),
      resources: resourcesOf(undefined, program.resources),
      ports: program.ports.map(([name, containerPort]) => ({ name, containerPort, protocol: 'TCP' })),
      startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 120 },
      livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 6 },
      volumeMounts: [...mounts, program.mount],
    }
  })
}

/** Each container sees of the Secret what it needs, and no more. */
export function rulesVolumes({ spec }: PlanInput): V1Volume[] {
  if (!spec.rules?.enabled) return []
  const volume = (name: string, key: string): V1Volume => ({
    name,
    secret: { secretName: clusterNames.rules, items: [{ key, path: key }] },
  })
  return [volume(apiKeyMount.name, rulesSecretKeys.apiKey), volume(adminMount.name, rulesSecretKeys.adminPassword)]
}
