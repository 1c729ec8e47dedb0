import type {
  CoreV1Event,
  CustomObject,
  EventsV1Event,
  KubeObject,
  Resource,
  V1ConfigMap,
  V1DaemonSet,
  V1Deployment,
  V1EndpointSlice,
  V1Lease,
  V1Namespace,
  V1NetworkPolicy,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V1ReplicaSet,
  V1Secret,
  V1Service,
  V1ServiceAccount,
  V1StatefulSet,
} from './objects.ts'

const inNamespaces = <T extends KubeObject>(apiVersion: string, kind: string, plural: string): Resource<T> => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
})

const ofCluster = <T extends KubeObject>(apiVersion: string, kind: string, plural: string): Resource<T> => ({
  apiVersion,
  kind,
  plural,
  namespaced: false,
})

export const namespaces = ofCluster<V1Namespace>('v1', 'Namespace', 'namespaces')
export const nodes = ofCluster<V1Node>('v1', 'Node', 'nodes')
export const pods = inNamespaces<V1Pod>('v1', 'Pod', 'pods')
export const configMaps = inNamespaces<V1ConfigMap>('v1', 'ConfigMap', 'configmaps')
export const secrets = inNamespaces<V1Secret>('v1', 'Secret', 'secrets')
export const services = inNamespaces<V1Service>('v1', 'Service', 'services')
export const serviceAccounts = inNamespaces<V1ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts')
export const persistentVolumeClaims = inNamespaces<V1PersistentVolumeClaim>(
  'v1',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
)
/** Events as the kubelet writes them. */
export const events = inNamespaces<CoreV1Event>('v1', 'Event', 'events')
/** The same objects as `events`, as new programs write them. */
export const newEvents = inNamespaces<EventsV1Event>('events.k8s.io/v1', 'Event', 'events')
export const daemonSets = inNamespaces<V1DaemonSet>('apps/v1', 'DaemonSet', 'daemonsets')
export const statefulSets = inNamespaces<V1StatefulSet>('apps/v1', 'StatefulSet', 'statefulsets')
export const deployments = inNamespaces<V1Deployment>('apps/v1', 'Deployment', 'deployments')
export const replicaSets = inNamespaces<V1ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets')
export const leases = inNamespaces<V1Lease>('coordination.k8s.io/v1', 'Lease', 'leases')
export const endpointSlices = inNamespaces<V1EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices')
export const networkPolicies = inNamespaces<V1NetworkPolicy>('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies')
export const podDisruptionBudgets = inNamespaces<V1PodDisruptionBudget>(
  'policy/v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
)
export const serviceMonitors = inNamespaces<CustomObject>(
  'monitoring.coreos.com/v1',
  'ServiceMonitor',
  'servicemonitors',
)
export const crds = ofCluster<CustomObject>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
)
/** As the API server gives them: the spec is read by `parsePulltraceConfig` of core/contract, never trusted. */
export const pulltraceConfigs = ofCluster<CustomObject>('pulltrace.dev/v1alpha1', 'PulltraceConfig', 'pulltraceconfigs')
