import { reasonOf } from '../../../core/pulls/kubelet-reason.ts'
import {
  type Attempt,
  attemptOf,
  type KubeletFacts,
  type NodeWaits,
  noWaits,
  type WaitingContainer,
  waitingContainer,
  withFact,
} from '../../../core/pulls/waiting.ts'
import { Budget } from './budget.ts'
import { EarlyEvents } from './early-events.ts'
import type { KubeletEvent } from './kubelet-event.ts'
import type { WatchedContainer, WatchedPod } from './watched-pod.ts'

export interface PodBookParts {
  readonly monotonic: () => number
  /** False where only some namespaces are watched. */
  readonly everyNamespace: boolean
  /** Called when the waits of this node may be others. */
  readonly changed: (nodeName: string) => void
}

/** A pod that has left the watch stays for its kubelet's last words. Milliseconds. */
const lingerMs = 30_000
/** What runs and was still said to pull so long ago has lost its `Pulled`, or was never said by a kubelet. Milliseconds. */
const doubtMs = 600_000
/** The status tells of a failure too; the kubelet's event is more exact and has this long to come first. Milliseconds. */
const eventFirstMs = 2000
/** What a kubelet may say of the pulls of one pod: it tries each again after ten seconds at the earliest. */
const pullingBudget = { burst: 20, everyMs: 5000 }

interface Entry {
  readonly pod: WatchedPod
  /** By container. */
  readonly facts: Map<string, KubeletFacts>
  /** When the newest `Pulling` was heard, and since when only the status tells that it failed. Monotonic ms. */
  readonly heardMs: Map<string, number>
  readonly gaveUpMs: Map<string, number>
  readonly budget: Budget
  /** Since when no watch tells of it. Monotonic ms. */
  leftMs: number | undefined
  deleted: boolean
}

/** Pods that may wait for an image, and what their kubelets say of it. Does nothing by itself: the watch tells it. */
export class PodBook {
  readonly #parts: PodBookParts
  readonly #entries = new Map<string, Entry>()
  readonly #byNode = new Map<string, Set<Entry>>()
  readonly #waits = new Map<string, NodeWaits>()
  readonly #early = new EarlyEvents()
  #excessEvents = 0

  constructor(parts: PodBookParts) {
    this.#parts = parts
  }

  /** Counts for metrics. */
  counts(): { readonly pods: number; readonly excessEvents: number } {
    return { pods: this.#entries.size, excessEvents: this.#excessEvents }
  }

  /** The same object as long as nothing has changed. */
  waits(nodeName: string): NodeWaits {
    const entries = this.#byNode.get(nodeName)
    if (entries === undefined) return noWaits
    let waits = this.#waits.get(nodeName)
    if (waits === undefined) {
      const containers = [...entries].flatMap(containersOf)
      waits = { containers, everyNamespace: this.#parts.everyNamespace }
      this.#waits.set(nodeName, waits)
    }
    return waits
  }

  /** As a watch tells it now. */
  set(pod: WatchedPod): void {
    const entry = this.#put(pod)
    entry.leftMs = undefined
    this.#changed(pod.nodeName)
  }

  /** As it was seen after it had left the watch: it runs, or its kubelet pulls again for it. */
  seen(pod: WatchedPod): void {
    const entry = this.#put(pod)
    entry.leftMs = this.#parts.monotonic()
    this.#changed(pod.nodeName)
  }

  /** No watch tells of it any more. True when somebody must look what became of it, as a pull of its was under way. */
  left(podUid: string): boolean {
    const entry = this.#entries.get(podUid)
    if (entry === undefined) return false
    entry.leftMs ??= this.#parts.monotonic()
    return !entry.deleted && isPulling(entry, this.#parts.monotonic())
  }

  deleted(podUid: string): void {
    const entry = this.#entries.get(podUid)
    if (entry === undefined) return
    entry.deleted = true
    entry.leftMs ??= this.#parts.monotonic()
    this.#changed(entry.pod.nodeName)
  }

  /** False when the pod is not known: its event is kept for a minute. */
  event(event: KubeletEvent): boolean {
    const entry = this.#entries.get(event.podUid)
    if (entry === undefined) {
      this.#early.add(event, this.#parts.monotonic())
      return false
    }
    if (this.#take(entry, event)) this.#changed(entry.pod.nodeName)
    return true
  }

  /** What time does. Returns pods that left long ago while a pull of theirs seemed under way: look again. */
  sweep(): readonly WatchedPod[] {
    const nowMs = this.#parts.monotonic()
    const unsure: WatchedPod[] = []
    for (const entry of this.#entries.values()) {
      for (const [container, sinceMs] of entry.gaveUpMs) {
        if (nowMs - sinceMs >= eventFirstMs) this.#takeStatus(entry, container, nowMs)
      }
      if (entry.leftMs === undefined || nowMs - entry.leftMs < lingerMs) continue
      if (entry.deleted || !isPulling(entry, nowMs)) this.#remove(entry)
      else {
        entry.leftMs = nowMs
        unsure.push(entry.pod)
      }
    }
    return unsure
  }

  #put(pod: WatchedPod): Entry {
    const known = this.#entries.get(pod.uid)
    const nowMs = this.#parts.monotonic()
    const entry: Entry = {
      facts: new Map(),
      heardMs: new Map(),
      gaveUpMs: new Map(),
      budget: new Budget(pullingBudget, nowMs),
      leftMs: undefined,
      ...known,
      deleted: false,
      pod,
    }
    if (known !== undefined) this.#byNode.get(known.pod.nodeName)?.delete(known)
    this.#entries.set(pod.uid, entry)
    const ofNode = this.#byNode.get(pod.nodeName)
    if (ofNode === undefined) this.#byNode.set(pod.nodeName, new Set([entry]))
    else ofNode.add(entry)
    for (const event of this.#early.take(pod.uid)) this.#take(entry, event)
    for (const container of pod.containers) noteStatus(entry, known, container, nowMs)
    return entry
  }

  /** Only of this very pod, on this very node, and of a container that it has. */
  #take(entry: Entry, { namespace, podName, nodeName, container, fact }: KubeletEvent): boolean {
    const { pod, facts, heardMs, gaveUpMs, budget } = entry
    if (pod.namespace !== namespace || pod.name !== podName) return false
    if (
      (nodeName !== undefined && nodeName !== pod.nodeName) ||
      !pod.containers.some(({ name }) => name === container)
    ) {
      return false
    }
    const before = facts.get(container) ?? {}
    const now = withFact(before, fact)
    if (now === before) return false
    const nowMs = this.#parts.monotonic()
    if (fact.kind === 'pulling') {
      if (!budget.take(nowMs)) {
        this.#excessEvents++
        return false
      }
      heardMs.set(container, nowMs)
      gaveUpMs.delete(container)
    }
    facts.set(container, now)
    return true
  }

  /** No event has told of this failure: a kubelet drops events of a pod that has had many. */
  #takeStatus(entry: Entry, container: string, nowMs: number): void {
    const { pod, facts, heardMs, gaveUpMs } = entry
    gaveUpMs.delete(container)
    const known = facts.get(container)
    const message = pod.containers.find(({ name }) => name === container)?.pullError
    if (known?.pullingAtMs === undefined || message === undefined || attemptOf(known)?.status !== 'outstanding') return
    const reason = reasonOf(message, false)
    if (reason === undefined) return
    // By the clock of the node: its own time of the start, and how long ago we heard that.
    const sinceMs = Math.floor((nowMs - eventFirstMs - (heardMs.get(container) ?? nowMs)) / 1000) * 1000
    facts.set(container, withFact(known, { kind: 'failure', atMs: known.pullingAtMs + Math.max(0, sinceMs), reason }))
    this.#changed(pod.nodeName)
  }

  #remove(entry: Entry): void {
    const { uid, nodeName } = entry.pod
    this.#entries.delete(uid)
    const ofNode = this.#byNode.get(nodeName)
    ofNode?.delete(entry)
    if (ofNode?.size === 0) this.#byNode.delete(nodeName)
    this.#changed(nodeName)
  }

  #changed(nodeName: string): void {
    this.#waits.delete(nodeName)
    this.#parts.changed(nodeName)
  }
}

/** Kubelets drop events: a container that runs has its image, said or not. */
const isPulling = ({ pod, facts, heardMs }: Entry, nowMs: number) =>
  pod.containers.some(each => {
    const attempt = attemptOf(facts.get(each.name) ?? {})
    if (attempt?.status !== 'outstanding' || !isMissing(each, attempt)) return false
    return each.runsSinceMs === undefined || nowMs - (heardMs.get(each.name) ?? nowMs) < doubtMs
  })

/** Only what begins to say that a pull failed: while the kubelet tries again the status still tells of the last time. */
function noteStatus(
  { gaveUpMs }: Entry,
  before: Entry | undefined,
  { name, pullError }: WatchedContainer,
  nowMs: number,
) {
  const earlier = before?.pod.containers.find(each => each.name === name)
  if (pullError === undefined) gaveUpMs.delete(name)
  else if (earlier !== undefined && earlier.pullError === undefined) gaveUpMs.set(name, nowMs)
}

function containersOf({ pod, facts, deleted }: Entry): WaitingContainer[] {
  const { uid: podUid, namespace, name: podName, workload } = pod
  return pod.containers.flatMap(each => {
    const { name: container, image } = each
    const told = facts.get(container) ?? {}
    const attempt = attemptOf(told)
    const missing = isMissing(each, attempt)
    if (attempt === undefined && !missing) return []
    const waiting = missing && !deleted
    // What ran in a pod that is gone was pulled, although nobody has said so.
    const gone = deleted && (missing || attempt?.status !== 'outstanding')
    return (
      waitingContainer({
        podUid,
        namespace,
        podName,
        container,
        workload,
        image,
        waiting,
        deleted: gone,
        facts: told,
      }) ?? []
    )
  })
}

/** A container that starts anew has an image from the last time: it is missing until it runs again. */
function isMissing({ present, runsSinceMs }: WatchedContainer, attempt: Attempt | undefined): boolean {
  if (attempt === undefined) return !present
  return attempt.status !== 'pulled' && !(runsSinceMs !== undefined && runsSinceMs >= attempt.startedAtMs)
}
