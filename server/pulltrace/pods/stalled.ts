import type { PodRef } from '../../../core/contract/pull.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import type { EventRecorder } from '../../../core/kube/recorder.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { PullState } from '../../../core/pulls/pull.ts'

/** containerd gives a pull without progress up after five minutes: this is early enough to do something. Milliseconds. */
const stalledForMs = 120_000
/** Pods of one pull that are told. */
const maxPods = 10

export interface StalledParts {
  readonly recorder: Pick<EventRecorder, 'event'>
  /** `kubectl describe` finds the Events of a pod by its UID. */
  readonly podUid: (nodeName: string, pod: PodRef) => string | undefined
  readonly monotonic: () => number
}

interface Stalled {
  readonly pull: PullState
  /** When its stall was first heard of. Monotonic ms: the node's clock may be another. */
  readonly sinceMs: number
}

/** Tells pods whose pull brings no byte for two minutes, by an Event of Kubernetes; once for each pull. */
export class StalledPulls {
  readonly #parts: StalledParts
  readonly #stalled = new Map<string, Stalled>()
  readonly #told = new Set<string>()

  constructor(parts: StalledParts) {
    this.#parts = parts
  }

  /** Call it with what is published. */
  observe(changes: readonly PullChange[]): void {
    for (const { pull, dropped } of changes) {
      const over = isTerminal(pull.phase) || dropped === true
      if (over) this.#told.delete(pull.id)
      if (pull.stalledSinceMs === undefined || pull.stale || over) this.#stalled.delete(pull.id)
      else if (!this.#told.has(pull.id)) {
        const sinceMs = this.#stalled.get(pull.id)?.sinceMs ?? this.#parts.monotonic()
        this.#stalled.set(pull.id, { pull, sinceMs })
      }
    }
  }

  /** To be called now and then. */
  sweep(): void {
    for (const { pull, sinceMs } of this.#stalled.values()) {
      if (this.#parts.monotonic() - sinceMs < stalledForMs) continue
      const pods = pull.pods.filter(({ certain }) => certain).slice(0, maxPods)
      // Pods may yet come; until then nobody can be told.
      if (pods.length === 0) continue
      this.#stalled.delete(pull.id)
      this.#told.add(pull.id)
      for (const pod of pods) this.#tell(pull, pod)
    }
  }

  #tell({ imageRef, nodeName, percent, stalledSinceMs }: PullState, pod: PodRef): void {
    const since = new Date(stalledSinceMs!).toISOString()
    const done = percent === undefined ? '' : ` at ${Math.floor(percent)} %`
    const note = `The pull of ${imageRef} on node ${nodeName} is stalled${done}: no byte since ${since}.`
    const { namespace, podName: name } = pod
    const uid = this.#parts.podUid(nodeName, pod)
    const about = { apiVersion: 'v1', kind: 'Pod', metadata: { namespace, name, ...(uid !== undefined && { uid }) } }
    this.#parts.recorder.event(about, 'Warning', 'PullStalled', note, 'Pulling')
  }
}
