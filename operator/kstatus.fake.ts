import type { CustomObject, V1Condition } from '../core/kube/objects.ts'

export type KStatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current'

/**
 * What tools that wait for resources (kstatus: kpt, Flux, Argo CD's and Helm's waits) conclude from an object of a kind
 * they do not know. Written anew after the rules in sigs.k8s.io/cli-utils, pkg/kstatus/README.md.
 */
export function kstatusOf({ metadata, status }: CustomObject): KStatus {
  const { observedGeneration, conditions } = (status ?? {}) as {
    observedGeneration?: number
    conditions?: readonly V1Condition[]
  }
  if (metadata?.deletionTimestamp !== undefined) return 'Terminating'
  if (observedGeneration !== undefined && observedGeneration !== metadata?.generation) return 'InProgress'
  const is = (type: string, value: string) => conditions?.some(item => item.type === type && item.status === value)
  if (is('Reconciling', 'True')) return 'InProgress'
  if (is('Stalled', 'True')) return 'Failed'
  if (is('Ready', 'False') || is('Ready', 'Unknown')) return 'InProgress'
  // Without a word about it an object counts as done: why ours says something from its first look on.
  return 'Current'
}
