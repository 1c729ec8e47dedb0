import type { KubeApi } from '../../../core/kube/kube-api.ts'
import { EventRecorder } from '../../../core/kube/recorder.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { NodeWaits } from '../../../core/pulls/waiting.ts'
import { PodWatch } from './pod-watch.ts'
import { StalledPulls } from './stalled.ts'

export interface PodSideParts {
  readonly api: KubeApi
  /** Empty: all. */
  readonly namespaces: readonly string[]
  readonly changed: (nodeName: string) => void
  /** Of this server, for the Events that it writes. */
  readonly instance: string
  readonly clock: Clock
  readonly log: Logger
}

const stalledEveryMs = 5000

/** All that the server does with pods: it watches who waits, and tells pods of pulls that stall. */
export class PodSide {
  readonly #watch: PodWatch
  readonly #recorder: EventRecorder
  readonly #stalled: StalledPulls
  readonly #clock: Clock

  constructor(parts: PodSideParts) {
    const { api, instance, clock, log } = parts
    this.#clock = clock
    this.#watch = new PodWatch(parts)
    this.#recorder = new EventRecorder({ api, controller: 'pulltrace.dev/server', instance, clock, log })
    this.#stalled = new StalledPulls({
      recorder: this.#recorder,
      podUid: (node, { namespace, podName }) =>
        this.waits(node).containers.find(each => each.namespace === namespace && each.podName === podName)?.podUid,
      monotonic: () => clock.monotonic(),
    })
  }

  waits(nodeName: string): NodeWaits {
    return this.#watch.waits(nodeName)
  }

  figures() {
    return this.#watch.figures()
  }

  /** Call it with what is published. */
  observe(changes: readonly PullChange[]): void {
    this.#stalled.observe(changes)
  }

  /** Lives until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#watch.run(signal)
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await this.#clock.sleep(stalledEveryMs, signal).catch(() => {})
      this.#stalled.sweep()
    }
    await watching
    await this.#recorder.close()
  }
}
