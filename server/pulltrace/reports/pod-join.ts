import { parseImageRef } from '../../../core/pulls/image-ref.ts'
import { type Joined, joinPods } from '../../../core/pulls/join.ts'
import type { Moment, Past } from '../../../core/pulls/join-input.ts'
import { attemptsToLookUp, type FreshEnd } from '../../../core/pulls/join-queued.ts'
import { dueOf, isIdle, type KubeletState, noKubelet } from '../../../core/pulls/kubelet-state.ts'
import type { Merged } from '../../../core/pulls/merge.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import type { NodeWaits } from '../../../core/pulls/waiting.ts'
import type { HistoryStore } from '../../store/store.ts'

/** What is known of the pods of a node. `pods/` answers it. */
export interface PodWaits {
  waits(nodeName: string): NodeWaits
}

export interface PodJoinParts {
  readonly pods: PodWaits
  readonly history: Pick<HistoryStore, 'endsOf' | 'search'>
  /** Pulls that only the kubelet knows of, on all nodes together. */
  readonly maxQueuedPulls: number
  /** Until then agents may come back to a server that has just begun: what they have not told may not be queued. Monotonic ms. */
  readonly agentsBackByMs: number
}

export const nothingPast: Past = { asked: new Set(), told: new Set() }

/** A merge with what pods add to it, and the state to keep once what it ended is safe. */
export interface JoinedMerge extends Pick<Merged, 'changes' | 'ended'> {
  readonly pulls: ReadonlyMap<string, PullState>
  readonly kubelet: KubeletState | undefined
  readonly dropped: number
}

/** Holds what the kubelets told of, node by node, and joins it to what the agents report. */
export class PodJoin {
  readonly #parts: PodJoinParts
  readonly #nodes = new Map<string, KubeletState>()
  /** Nodes with pods whose agent has not come back yet. */
  readonly #awaiting = new Set<string>()
  /** Nodes with ends that were over when they were first heard of, and of which the history could not be asked, or told. */
  readonly #unsettled = new Set<string>()
  #queued = 0
  /** Queued pulls for which there is no room, by node. */
  readonly #leftOut = new Map<string, number>()

  constructor(parts: PodJoinParts) {
    this.#parts = parts
  }

  counts(): { readonly queuedPulls: number; readonly leftOutPulls: number } {
    let leftOutPulls = 0
    for (const pulls of this.#leftOut.values()) leftOutPulls += pulls
    return { queuedPulls: this.#queued, leftOutPulls }
  }

  /** Whether ends wait for the history to be there again. */
  get unsettled(): boolean {
    return this.#unsettled.size > 0
  }

  /** Nodes on which time alone changes something by now, or the history may once it is there again. */
  due(monotonicMs: number): string[] {
    const due = [...this.#unsettled]
    if (monotonicMs >= this.#parts.agentsBackByMs) {
      due.push(...this.#awaiting)
      this.#awaiting.clear()
    }
    for (const [name, kubelet] of this.#nodes) if (dueOf(kubelet) <= monotonicMs) due.push(name)
    return due
  }

  /** Whether the history must be asked before the node is joined. */
  asksHistory(nodeName: string): boolean {
    return this.#fresh(nodeName).length > 0
  }

  /** Ends that were over when they were first heard of, and that are told already: by this server, or one before it. */
  async pastEnds(nodeName: string): Promise<Past> {
    const fresh = this.#fresh(nodeName)
    this.#unsettled.delete(nodeName)
    if (fresh.length === 0) return nothingPast
    const asked = new Set(fresh.map(({ id }) => id))
    try {
      const told = new Set((await this.#parts.history.endsOf([...asked])).keys())
      for (const end of fresh) if (!told.has(end.id) && (await this.#toldByAgent(nodeName, end))) told.add(end.id)
      return { asked, told }
    } catch {
      // Whoever stores ends next says that the history is away; until it is back, these are not told.
      this.#unsettled.add(nodeName)
      return nothingPast
    }
  }

  join(
    nodeName: string,
    before: Omit<JoinedMerge, 'kubelet' | 'dropped'>,
    past: Past,
    moment: Moment,
    holdEnds: boolean,
  ): JoinedMerge {
    const kubelet = this.#nodes.get(nodeName) ?? noKubelet
    const waits = this.#parts.pods.waits(nodeName)
    if (waits.containers.length === 0 && isIdle(kubelet)) return { ...before, kubelet: undefined, dropped: 0 }
    // Nothing else would come back to what was over before it was heard of: it is not queued.
    if (holdEnds && this.asksHistory(nodeName)) this.#unsettled.add(nodeName)
    const agentAwaited = moment.intervalMs === 0 && moment.monotonicMs < this.#parts.agentsBackByMs
    if (agentAwaited) this.#awaiting.add(nodeName)
    const joined: Joined = joinPods({
      nodeName,
      ...before,
      kubelet,
      waits,
      past,
      moment,
      holdEnds,
      agentAwaited,
      room: Math.max(0, this.#parts.maxQueuedPulls - this.#queued),
    })
    return joined
  }

  /** To be called once what `joined` ended is safe. */
  keep(nodeName: string, { kubelet, dropped }: JoinedMerge): void {
    if (dropped > 0) this.#leftOut.set(nodeName, dropped)
    else this.#leftOut.delete(nodeName)
    if (kubelet === undefined) return
    this.#queued += kubelet.queued.size - (this.#nodes.get(nodeName)?.queued.size ?? 0)
    if (isIdle(kubelet)) this.#nodes.delete(nodeName)
    else this.#nodes.set(nodeName, kubelet)
  }

  #fresh(nodeName: string): readonly FreshEnd[] {
    const { containers } = this.#parts.pods.waits(nodeName)
    if (containers.length === 0) return []
    return attemptsToLookUp(this.#nodes.get(nodeName) ?? noKubelet, { containers, everyNamespace: true })
  }

  /** Whether an agent's pull of this container has ended since the attempt began. */
  async #toldByAgent(nodeName: string, { container, attempt }: FreshEnd): Promise<boolean> {
    const { namespace, podName: pod, image } = container
    const filter = { node: nodeName, namespace, pod, sinceMs: attempt.startedAtMs }
    const { items } = await this.#parts.history.search(filter, 20)
    return items.some(
      pull =>
        pull.pods.some(each => each.podName === pod && each.container === container.container) &&
        (pull.imageRef === image.name || parseImageRef(pull.imageRef)?.repository === image.repository),
    )
  }
}
