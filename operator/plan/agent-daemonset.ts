import path from 'node:path'
import { agentTokenAudience, clusterNames, containerPaths, ports } from '../../core/contract/cluster-names.ts'
import { launch } from '../../core/contract/launch.ts'
import { agentSettingsOf } from '../../core/contract/settings.ts'
import type { V1DaemonSet, V1PodSpec, V1Volume, V1VolumeMount } from '../../core/kube/objects.ts'
import { daemonSets } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf, selectorLabels } from './labels.ts'
import { containerOf, envOf, imagePullSecretsOf, podSecurity, resourcesOf } from './pods.ts'

/** Measured idle: 20 MiB of its own memory, of 64 in all (bench/RESULTS.md). */
const resources = { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '128Mi' } }

/** The agent on every node. The report interval is not in it: a change must restart no pod. */
export function agentDaemonSet(input: PlanInput): Desired<V1DaemonSet> {
  const { owner, spec, settings } = input
  const labels = labelsOf(owner, 'agent')
  const object: V1DaemonSet = {
    apiVersion: daemonSets.apiVersion,
    kind: daemonSets.kind,
    metadata: {
      name: clusterNames.agent,
      namespace: settings.agentNamespace,
      labels,
      ownerReferences: [ownerReferenceOf(owner)],
    },
    spec: {
      selector: { matchLabels: selectorLabels('agent') },
      revisionHistoryLimit: 5,
      updateStrategy: {
        type: 'RollingUpdate',
        rollingUpdate: { maxUnavailable: spec.agent?.updateStrategy?.maxUnavailable ?? '10%' },
      },
      template: {
        metadata: { labels, annotations: { 'kubectl.kubernetes.io/default-container': 'agent' } },
        spec: podSpec(input),
      },
    },
  }
  return { resource: daemonSets, object }
}

function podSpec({ spec, settings }: PlanInput): V1PodSpec {
  const { tolerations, priorityClassName } = spec.agent ?? {}
  const { env, socket } = agentSettingsOf(spec, settings.operatorNamespace)
  const { volumes, volumeMounts } = volumesOf(path.posix.dirname(socket), spec.server?.tls !== undefined)
  return {
    serviceAccountName: clusterNames.agent,
    // It asks nothing of the API server: the one token it has is worth something at our server only.
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 15,
    nodeSelector: { 'kubernetes.io/os': 'linux', ...spec.agent?.nodeSelector },
    tolerations: tolerations ?? [{ operator: 'Exists' }],
    ...(priorityClassName !== undefined && { priorityClassName }),
    ...imagePullSecretsOf(spec),
    // The socket belongs to root:root with mode 0660: its group is all that the agent needs of root.
    securityContext: { ...podSecurity, supplementalGroups: [0] },
    containers: [
      {
        ...containerOf('agent', settings, launch.agent, [
          { name: 'PULLTRACE_NODE_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } },
          ...envOf(env),
        ]),
        resources: resourcesOf(spec.agent?.resources, resources),
        ports: [{ name: 'metrics', containerPort: ports.agentMetrics, protocol: 'TCP' }],
        livenessProbe: {
          httpGet: { path: '/healthz', port: 'metrics', scheme: 'HTTP' },
          periodSeconds: 20,
          timeoutSeconds: 5,
          failureThreshold: 6,
        },
        readinessProbe: {
          httpGet: { path: '/readyz', port: 'metrics', scheme: 'HTTP' },
          periodSeconds: 5,
          timeoutSeconds: 5,
          failureThreshold: 3,
        },
        volumeMounts,
      },
    ],
    volumes,
  }
}

/** The folder, not the socket: a mounted socket file is the old one after containerd was restarted. */
function volumesOf(runtimeDirectory: string, tls: boolean) {
  const volumes: V1Volume[] = [
    { name: 'runtime', hostPath: { path: runtimeDirectory, type: 'Directory' } },
    {
      name: 'token',
      projected: {
        sources: [{ serviceAccountToken: { audience: agentTokenAudience, expirationSeconds: 3600, path: 'token' } }],
      },
    },
  ]
  const volumeMounts: V1VolumeMount[] = [
    { name: 'runtime', mountPath: runtimeDirectory, readOnly: true },
    { name: 'token', mountPath: containerPaths.agentToken, readOnly: true },
  ]
  if (tls) {
    volumes.push({ name: 'ca', configMap: { name: clusterNames.serverCa } })
    volumeMounts.push({ name: 'ca', mountPath: containerPaths.agentCa, readOnly: true })
  }
  return { volumes, volumeMounts }
}
