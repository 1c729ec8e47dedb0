import { clusterNames, containerPaths, ports } from '../../core/contract/cluster-names.ts'
import { imageUser, launch } from '../../core/contract/launch.ts'
import { sensorApiHost, serverSettingsOf } from '../../core/contract/settings.ts'
import type {
  V1PersistentVolumeClaim,
  V1PodSpec,
  V1StatefulSet,
  V1Volume,
  V1VolumeMount,
} from '../../core/kube/objects.ts'
import { statefulSets } from '../../core/kube/resources.ts'
import { isSameQuantity } from '../../core/lib/quantity.ts'
import type { ClaimTemplate, Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf, selectorLabels } from './labels.ts'
import { containerOf, envOf, imagePullSecretsOf, podSecurity, resourcesOf } from './pods.ts'
import { apiKeyMount, rulesContainers, rulesVolumes } from './rules-containers.ts'

/** Live state of some thousand nodes; the bodies of reports in flight may hold 256 MiB of it. */
const resources = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } }

/**
 * One pod with one volume: two servers on one history would be refused by its lock, so this is never a Deployment
 * that rolls. The volume goes with the StatefulSet.
 */
export function serverStatefulSet(input: PlanInput): Desired<V1StatefulSet> {
  const { owner, settings } = input
  const labels = labelsOf(owner, 'server')
  const claims = claimTemplatesOf(input)
  const object: V1StatefulSet = {
    apiVersion: statefulSets.apiVersion,
    kind: statefulSets.kind,
    metadata: {
      name: clusterNames.server,
      namespace: settings.operatorNamespace,
      labels,
      ownerReferences: [ownerReferenceOf(owner)],
    },
    spec: {
      replicas: 1,
      serviceName: clusterNames.serverHeadless,
      // The default waits for a pod to be ready before it is replaced: for one that cannot start, for ever.
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: selectorLabels('server') },
      revisionHistoryLimit: 5,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
      template: {
        metadata: { labels, annotations: { 'kubectl.kubernetes.io/default-container': 'server' } },
        spec: podSpec(input),
      },
      volumeClaimTemplates: claims.map(claimOf),
    },
  }
  return { resource: statefulSets, object }
}

/** What the spec asks for. */
export function wantedClaim(spec: PlanInput['spec']): ClaimTemplate {
  const { size = '2Gi', storageClassName } = spec.server?.storage ?? {}
  return { size, storageClassName }
}

/** A claim template can never change: what the cluster has is kept, so that everything else of the spec still gets there. */
function claimTemplatesOf({ spec, claimTemplates }: PlanInput): readonly ClaimTemplate[] {
  return claimTemplates ?? [wantedClaim(spec)]
}

/** The field that the cluster cannot follow, its value there and the one wanted; undefined when there is none. */
export function storageConflictOf({ spec, claimTemplates }: Pick<PlanInput, 'spec' | 'claimTemplates'>) {
  const there = claimTemplates?.[0]
  const wanted = wantedClaim(spec)
  if (there === undefined) return undefined
  if (!isSameQuantity(there.size, wanted.size)) {
    return { field: 'spec.server.storage.size', there: there.size, wanted: wanted.size }
  }
  // Omitted means the default of the cluster, which the API server does not write into a template.
  if (there.storageClassName !== wanted.storageClassName) {
    const named = (name: string | undefined) => name ?? '(the default)'
    const field = 'spec.server.storage.storageClassName'
    return { field, there: named(there.storageClassName), wanted: named(wanted.storageClassName) }
  }
  return undefined
}

export function claimTemplatesIn(set: V1StatefulSet | undefined): ClaimTemplate[] | undefined {
  return set?.spec?.volumeClaimTemplates?.map(({ spec }) => ({
    size: spec?.resources?.requests?.['storage'] ?? '',
    storageClassName: spec?.storageClassName,
  }))
}

function claimOf({ size, storageClassName }: ClaimTemplate): V1PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: size } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
  }
}

function podSpec(input: PlanInput): V1PodSpec {
  const { spec, settings, caKey } = input
  const env = serverSettingsOf(spec, settings.operatorNamespace, caKey)
  // The server's certificate is on both of its listeners.
  const hasTls = spec.server?.tls !== undefined
  const scheme = hasTls ? 'HTTPS' : 'HTTP'
  const probe = (path: string) => ({ httpGet: { path, port: 'metrics', scheme }, timeoutSeconds: 5 })
  const { volumes, volumeMounts } = volumesOf(env, input)
  const shared = volumeMounts.filter(({ name }) => sharedVolumes.has(name))
  return {
    serviceAccountName: clusterNames.server,
    enableServiceLinks: false,
    // 5 s in which it says that it is not ready, 10 s for answers, the rest for the history.
    terminationGracePeriodSeconds: 30,
    ...imagePullSecretsOf(spec),
    securityContext: { ...podSecurity, fsGroup: imageUser, fsGroupChangePolicy: 'OnRootMismatch' },
    containers: [
      {
        ...containerOf('server', settings, launch.server, envOf(env)),
        resources: resourcesOf(spec.server?.resources, resources),
        ports: [
          { name: 'http', containerPort: ports.http, protocol: 'TCP' },
          { name: 'metrics', containerPort: ports.serverMetrics, protocol: 'TCP' },
        ],
        // It first reads its history: a volume that is slow must not get it killed again and again.
        startupProbe: { ...probe('/healthz'), periodSeconds: 1, failureThreshold: 120 },
        livenessProbe: { ...probe('/healthz'), periodSeconds: 20, failureThreshold: 6 },
        readinessProbe: { ...probe('/readyz'), periodSeconds: 2, failureThreshold: 2 },
        volumeMounts,
      },
      ...rulesContainers(input, shared),
    ],
    volumes,
    ...(spec.rules?.enabled &&
      hasTls && { hostAliases: [{ ip: '127.0.0.1', hostnames: [sensorApiHost(settings.operatorNamespace)] }] }),
  }
}

/** What the programs of the rule half have of the server's volumes. */
const sharedVolumes = new Set(['data', 'tmp', 'tls'])

function volumesOf(env: Readonly<Record<string, string>>, input: PlanInput) {
  const { rules, server } = input.spec
  const volumes: V1Volume[] = [{ name: 'tmp', emptyDir: { sizeLimit: '64Mi' } }]
  const volumeMounts: V1VolumeMount[] = [
    { name: 'data', mountPath: containerPaths.serverData },
    // SQLite sorts what is large in files.
    { name: 'tmp', mountPath: '/tmp' },
  ]
  const add = (name: string, secretName: string, mountPath: string) => {
    volumes.push({ name, secret: { secretName } })
    volumeMounts.push({ name, mountPath, readOnly: true })
  }
  if (env['PULLTRACE_READER_TOKEN_FILE'] !== undefined) add('reader', clusterNames.reader, containerPaths.readerToken)
  if (server?.tls !== undefined) add('tls', server.tls.secretName, containerPaths.serverTls)
  volumes.push(...rulesVolumes(input))
  if (rules?.enabled) volumeMounts.push(apiKeyMount)
  return { volumes, volumeMounts }
}
