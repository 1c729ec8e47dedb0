import { clusterNames, containerPaths, ports, rulesSecretKeys } from '../../core/contract/cluster-names.ts'
import { launch } from '../../core/contract/launch.ts'
import { sensorApiSettingsOf } from '../../core/contract/settings.ts'
import type { V1Container, V1EnvVar, V1VolumeMount } from '../../core/kube/objects.ts'
import type { PlanInput } from './input.ts'
import { containerOf, envOf, resourcesOf } from './pods.ts'

/** Batches of events in flight may hold 256 MiB. */
const resources = { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '768Mi' } }

/**
 * tk-sensor-api, beside the server on its volume. It says itself when it is ready; it never keeps the server from being
 * reached: a pod is ready when all of its containers are, so only its start and its life are probed here.
 */
export function sensorApiContainer({ spec, settings }: PlanInput, mounts: readonly V1VolumeMount[]): V1Container {
  const scheme = spec.server?.tls === undefined ? 'HTTP' : 'HTTPS'
  const probe = { httpGet: { path: '/healthz', port: 'tk-metrics', scheme }, timeoutSeconds: 5 }
  const secret: V1EnvVar = {
    name: 'TK_HMAC_SECRET',
    valueFrom: { secretKeyRef: { name: clusterNames.rules, key: rulesSecretKeys.hmacSecret } },
  }
  return {
    ...containerOf('sensor-api', settings, launch.sensorApi, [...envOf(sensorApiSettingsOf(spec)), secret]),
    resources: resourcesOf(undefined, resources),
    ports: [
      { name: 'grpc', containerPort: ports.sensorApi, protocol: 'TCP' },
      { name: 'tk-metrics', containerPort: ports.sensorApiMetrics, protocol: 'TCP' },
    ],
    startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 120 },
    livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 6 },
    volumeMounts: [...mounts, { name: 'rules', mountPath: containerPaths.rules, readOnly: true }],
  }
}
