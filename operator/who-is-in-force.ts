import type { KubeObject } from '../core/kube/objects.ts'

/**
 * Of several PulltraceConfigs one is in force: the oldest, of equals the one with the lower UID. It stays so until it
 * is gone, even while it is being deleted: two that act on the same names would undo each other's work.
 */
export function inForceOf<T extends KubeObject>(configs: Iterable<T>): T | undefined {
  let oldest: T | undefined
  for (const config of configs) if (oldest === undefined || isOlder(config, oldest)) oldest = config
  return oldest
}

function isOlder({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  const oneMs = Date.parse(one?.creationTimestamp ?? '')
  const otherMs = Date.parse(other?.creationTimestamp ?? '')
  return oneMs === otherMs ? (one?.uid ?? '') < (other?.uid ?? '') : oneMs < otherMs
}
