import { clusterNames } from '../../core/contract/cluster-names.ts'
import type { KubeObject, V1OwnerReference } from '../../core/kube/objects.ts'

/** What every object of ours says of itself: which part it is of which PulltraceConfig. */
export interface Owner {
  readonly name: string
  readonly uid: string
}

export type Component = 'agent' | 'server' | 'settings' | 'reader' | 'rules' | 'monitoring'

export const managedBy = 'app.kubernetes.io/managed-by'
export const instanceLabel = 'app.kubernetes.io/instance'

/** Finds all that the operator made. */
export const ownedSelector = `${managedBy}=${clusterNames.operator}`

/** Of a selector: it can never change in a DaemonSet or StatefulSet, so it holds nothing that may. */
export function selectorLabels(component: Component): Record<string, string> {
  return { 'app.kubernetes.io/name': 'pulltrace', 'app.kubernetes.io/component': component }
}

export function labelsOf(owner: Owner, component: Component): Record<string, string> {
  return {
    ...selectorLabels(component),
    'app.kubernetes.io/part-of': 'pulltrace',
    [instanceLabel]: labelValueOf(owner.name),
    [managedBy]: clusterNames.operator,
  }
}

/** A name may have 253 characters and end in what a label value may not; a value has at most 63. */
function labelValueOf(name: string): string {
  return name.slice(0, 63).replace(/[^a-zA-Z0-9]+$/, '')
}

/**
 * A cluster-scoped owner may own what is in a namespace; with it everything goes when the config goes. It does not block
 * the end of its owner: that would need a right on the finalizers of PulltraceConfigs, for nothing that anyone waits for.
 */
export function ownerReferenceOf(owner: Owner): V1OwnerReference {
  return {
    apiVersion: 'pulltrace.dev/v1alpha1',
    kind: 'PulltraceConfig',
    name: owner.name,
    uid: owner.uid,
    controller: true,
  }
}

export const isOurs = ({ metadata }: KubeObject) => metadata?.labels?.[managedBy] === clusterNames.operator

export const isOwnedBy = ({ metadata }: KubeObject, uid: string | undefined) =>
  metadata?.ownerReferences?.some(owner => owner.uid === uid) ?? false
