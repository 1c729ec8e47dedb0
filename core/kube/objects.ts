import type * as k8s from '@kubernetes/client-node'

/**
 * The client's types as JSON carries them, since we read and write JSON: a `Date` is an RFC 3339 string, and what
 * the generator renamed to fit its language has its own name again (`_from` of a NetworkPolicy is `from`).
 */
export type OnTheWire<T> = T extends Date
  ? string
  : T extends (infer Item)[]
    ? OnTheWire<Item>[]
    : T extends object
      ? { [Key in keyof T as Key extends `_${infer Name}` ? Name : Key]: OnTheWire<T[Key]> }
      : T

export type V1ObjectMeta = OnTheWire<k8s.V1ObjectMeta>
export type V1OwnerReference = OnTheWire<k8s.V1OwnerReference>
export type V1ObjectReference = OnTheWire<k8s.V1ObjectReference>
export type V1Condition = OnTheWire<k8s.V1Condition>
export type V1Pod = OnTheWire<k8s.V1Pod>
export type V1PodSpec = OnTheWire<k8s.V1PodSpec>
export type V1PodTemplateSpec = OnTheWire<k8s.V1PodTemplateSpec>
export type V1Container = OnTheWire<k8s.V1Container>
export type V1ContainerStatus = OnTheWire<k8s.V1ContainerStatus>
export type V1EnvVar = OnTheWire<k8s.V1EnvVar>
export type V1Volume = OnTheWire<k8s.V1Volume>
export type V1VolumeMount = OnTheWire<k8s.V1VolumeMount>
export type V1Probe = OnTheWire<k8s.V1Probe>
export type V1Toleration = OnTheWire<k8s.V1Toleration>
export type V1ResourceRequirements = OnTheWire<k8s.V1ResourceRequirements>
export type V1PersistentVolumeClaim = OnTheWire<k8s.V1PersistentVolumeClaim>
export type V1Node = OnTheWire<k8s.V1Node>
export type V1Namespace = OnTheWire<k8s.V1Namespace>
export type V1ConfigMap = OnTheWire<k8s.V1ConfigMap>
export type V1Secret = OnTheWire<k8s.V1Secret>
export type V1Service = OnTheWire<k8s.V1Service>
export type V1ServiceAccount = OnTheWire<k8s.V1ServiceAccount>
export type V1DaemonSet = OnTheWire<k8s.V1DaemonSet>
export type V1StatefulSet = OnTheWire<k8s.V1StatefulSet>
export type V1Deployment = OnTheWire<k8s.V1Deployment>
export type V1ReplicaSet = OnTheWire<k8s.V1ReplicaSet>
export type V1Lease = OnTheWire<k8s.V1Lease>
export type V1EndpointSlice = OnTheWire<k8s.V1EndpointSlice>
export type V1NetworkPolicy = OnTheWire<k8s.V1NetworkPolicy>
export type V1NetworkPolicyPeer = OnTheWire<k8s.V1NetworkPolicyPeer>
export type V1PodDisruptionBudget = OnTheWire<k8s.V1PodDisruptionBudget>
export type V1TokenReviewStatus = OnTheWire<k8s.V1TokenReviewStatus>
export type V1SubjectAccessReviewSpec = OnTheWire<k8s.V1SubjectAccessReviewSpec>
export type V1SubjectAccessReviewStatus = OnTheWire<k8s.V1SubjectAccessReviewStatus>
/** `v1`: what the kubelet writes and `kubectl describe` reads. */
export type CoreV1Event = OnTheWire<k8s.CoreV1Event>
/** `events.k8s.io/v1`: the same objects, in the form that new writers use. */
export type EventsV1Event = OnTheWire<k8s.EventsV1Event>

/** What every object of the API has. */
export interface KubeObject {
  apiVersion?: string
  kind?: string
  metadata?: V1ObjectMeta
}

/** An object of a kind that the client has no type for. */
export interface CustomObject extends KubeObject {
  spec?: unknown
  status?: unknown
}

/** How the objects of one kind are addressed. `T` is what their type is, and nothing at run time. */
export interface Resource<T extends KubeObject> {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly object?: T
}

/** `namespace/name`, or the name alone of what has no namespace. */
export function keyOf({ metadata }: KubeObject): string {
  const name = metadata?.name ?? ''
  return metadata?.namespace ? `${metadata.namespace}/${name}` : name
}

export function splitKey(key: string): { readonly namespace: string | undefined; readonly name: string } {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
