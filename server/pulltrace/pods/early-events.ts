import type { KubeletEvent } from './kubelet-event.ts'

/** Pods of which events are kept before the pod itself is known, events of each, and for how long. */
const maxPods = 2000
const maxEvents = 8
const keptMs = 60_000

/** Events that arrive before their pod: the two come by different watches. */
export class EarlyEvents {
  readonly #pods = new Map<string, { readonly sinceMs: number; readonly events: KubeletEvent[] }>()

  add(event: KubeletEvent, nowMs: number): void {
    const known = this.#pods.get(event.podUid)
    if (known !== undefined) {
      known.events.push(event)
      if (known.events.length > maxEvents) known.events.shift()
      return
    }
    this.#pods.set(event.podUid, { sinceMs: nowMs, events: [event] })
    for (const [uid, { sinceMs }] of this.#pods) {
      if (this.#pods.size <= maxPods && nowMs - sinceMs < keptMs) return
      this.#pods.delete(uid)
    }
  }

  take(podUid: string): readonly KubeletEvent[] {
    const events = this.#pods.get(podUid)?.events ?? []
    this.#pods.delete(podUid)
    return events
  }
}
