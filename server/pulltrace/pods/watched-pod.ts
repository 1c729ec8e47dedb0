import type { V1ContainerStatus, V1Pod } from '../../../core/kube/objects.ts'
import { interned } from '../../../core/lib/intern.ts'

/** What is held of a pod while it may wait for an image. */
export interface WatchedPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly nodeName: string
  /** Owner as kind/name, such as `Deployment/web`. */
  readonly workload: string | undefined
  /** `Pending`, `Running`, …: only pending ones are watched, others are looked at for what their kubelet tells. */
  readonly phase: string
  readonly containers: readonly WatchedContainer[]
}

export interface WatchedContainer {
  readonly name: string
  /** As in the spec. */
  readonly image: string
  /** The container has been made, so its image is there. */
  readonly present: boolean
  /** Since when it runs, or did until it ended and nothing came after; by the clock of the node. Epoch ms. */
  readonly runsSinceMs: number | undefined
  /** Why the kubelet gave the pull up, while the status says so. */
  readonly pullError: string | undefined
}

export const isOver = ({ phase }: Pick<WatchedPod, 'phase'>) => phase === 'Succeeded' || phase === 'Failed'

/** Undefined for a pod that waits for no kubelet: none is chosen yet, or all is over. */
export function watchedPodOf(pod: V1Pod): WatchedPod | undefined {
  const seen = seenPodOf(pod)
  return seen === undefined || isOver(seen) ? undefined : seen
}

/** Also when all is over: its status then tells what ran. Undefined for a pod without a node. */
export function seenPodOf({ metadata, spec, status }: V1Pod): WatchedPod | undefined {
  const { uid, namespace, name } = metadata ?? {}
  const phase = status?.phase ?? 'Pending'
  if (!uid || !namespace || !name || !spec?.nodeName) return undefined
  const states = new Map<string, V1ContainerStatus>()
  const all = [status?.initContainerStatuses, status?.containerStatuses, status?.ephemeralContainerStatuses]
  for (const state of all.flatMap(each => each ?? [])) states.set(state.name, state)
  const containers = [spec.initContainers, spec.containers, spec.ephemeralContainers].flatMap(each => each ?? [])
  return {
    uid,
    namespace: interned(namespace),
    name,
    nodeName: interned(spec.nodeName),
    workload: workloadOf(metadata?.ownerReferences ?? [], metadata?.labels ?? {}),
    phase: interned(phase),
    containers: containers.flatMap(({ name, image }) =>
      image ? [{ name: interned(name), image: interned(image), ...stateOf(states.get(name)) }] : [],
    ),
  }
}

function stateOf(status: V1ContainerStatus | undefined): Omit<WatchedContainer, 'name' | 'image'> {
  const { running, terminated, waiting } = status?.state ?? {}
  const present = Boolean(running || terminated || status?.lastState?.terminated || status?.imageID)
  const gaveUp = waiting?.reason === 'ErrImagePull' || waiting?.reason === 'RegistryUnavailable'
  const sinceMs = Date.parse(running?.startedAt ?? terminated?.startedAt ?? '')
  return {
    present,
    runsSinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs,
    pullError: gaveUp ? (waiting.message ?? waiting.reason) : undefined,
  }
}

/** The name of a Deployment's ReplicaSet ends in the hash that its pods carry as a label. */
function workloadOf(
  owners: readonly { readonly kind: string; readonly name: string; readonly controller?: boolean }[],
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const owner = owners.find(({ controller }) => controller) ?? owners[0]
  if (owner === undefined) return undefined
  const hash = labels['pod-template-hash']
  const ofDeployment = owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)
  return interned(ofDeployment ? `Deployment/${owner.name.slice(0, -hash.length - 1)}` : `${owner.kind}/${owner.name}`)
}
