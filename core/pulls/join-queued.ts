import type { PullChange } from './change.ts'
import { madeBy, nameOf } from './claims.ts'
import { isUnresolved, type JoinInput, waitMs } from './join-input.ts'
import type { KubeletState, QueuedPull, ToldAttempt } from './kubelet-state.ts'
import type { PullState } from './pull.ts'
import { cancelled, endQueued, queuedId, queuedPull, untold } from './queued.ts'
import { type Attempt, attemptOf, keyOf, type NodeWaits, type WaitingContainer } from './waiting.ts'

/** No kubelet runs as many containers at once. */
const maxQueuedPerNode = 1000
/** Longest wait for an agent that looks rarely. Milliseconds. */
const maxWaitMs = 20_000
/** An end older than this is no news: it is taken as told when it is first heard of. Milliseconds. */
const oldMs = 60_000

export interface QueuedJoin {
  readonly pulls: Map<string, PullState>
  readonly queued: Map<string, QueuedPull>
  readonly told: Map<string, ToldAttempt>
  readonly changes: PullChange[]
  readonly stored: PullState[]
  readonly dropped: number
}

/** Attempts that were over when they were first heard of: whether their end is in the history must be known. */
export function attemptsToLookUp(kubelet: KubeletState, { containers }: NodeWaits): readonly FreshEnd[] {
  const fresh: FreshEnd[] = []
  for (const container of containers) {
    const attempt = attemptOf(container.facts)
    if (attempt === undefined || attempt.status === 'outstanding') continue
    const id = queuedId(container, attempt)
    if (kubelet.queued.has(id)) continue
    const told = kubelet.told.get(keyOf(container))
    if (told === undefined || told.startedAtMs < attempt.startedAtMs) fresh.push({ id, container, attempt })
  }
  return fresh
}

export interface FreshEnd {
  readonly id: string
  readonly container: WaitingContainer
  readonly attempt: Attempt
}

/** Starts, ends and replaces queued pulls. Each attempt has one fate: a runtime's pull stands for it, or it has its own. */
export function joinQueued(input: JoinInput, pulls: Map<string, PullState>): QueuedJoin {
  const step = new QueuedStep(input, pulls)
  for (const container of input.waits.containers) step.take(container)
  step.finishVanished()
  return step
}

class QueuedStep implements QueuedJoin {
  readonly pulls: Map<string, PullState>
  readonly queued: Map<string, QueuedPull>
  readonly told: QueuedJoin['told']
  readonly changes: PullChange[] = []
  readonly stored: PullState[] = []
  dropped = 0
  readonly #input: JoinInput
  readonly #byKey: Map<string, QueuedPull>
  readonly #seen = new Set<string>()

  constructor(input: JoinInput, pulls: Map<string, PullState>) {
    this.#input = input
    this.pulls = pulls
    this.queued = new Map(input.kubelet.queued)
    this.told = new Map(input.kubelet.told)
    this.#byKey = new Map([...this.queued.values()].map(queued => [queued.key, queued]))
  }

  take(container: WaitingContainer): void {
    const key = keyOf(container)
    this.#seen.add(key)
    const attempt = attemptOf(container.facts)
    if (attempt === undefined) return
    const earlier = this.#byKey.get(key)
    if (earlier !== undefined && earlier.pull.startedAtMs < attempt.startedAtMs) {
      this.#end(earlier, endOfEarlier(earlier.pull, container, attempt))
    }
    const owner = this.#ownerOf(container, attempt)
    const told = this.told.get(key)
    if (this.#isTold(told, attempt)) {
      // It waited for another's pull, and has one of its own now.
      if (owner !== undefined && !isItsOwn(told!) && !this.pulls.has(told!.by))
        this.told.set(key, { ...told!, by: owner.id })
      return
    }
    if (owner === undefined) this.#live(container, attempt)
    else this.#replace(container, attempt, owner)
  }

  /** Containers of which the watch says nothing more. */
  finishVanished(): void {
    for (const key of [...this.told.keys()]) if (!this.#seen.has(key)) this.told.delete(key)
    for (const queued of [...this.queued.values()]) {
      if (this.#seen.has(queued.key)) continue
      this.#end(queued, endQueued(queued.pull, 'unknown', this.#input.moment.nodeMs, { reason: untold }))
    }
  }

  #isTold(told: ToldAttempt | undefined, attempt: Attempt): boolean {
    if (told === undefined || told.startedAtMs < attempt.startedAtMs) return false
    if (attempt.status !== 'failed' || isItsOwn(told)) return true
    // It waited for another's pull, which is gone well: this failure is its own.
    const by = this.pulls.get(told.by)
    return (by !== undefined && by.phase !== 'completed') || this.#input.kubelet.ended.has(told.by)
  }

  /** The runtime's pull that stands for the attempt: the pod is on it for certain. */
  #ownerOf(container: WaitingContainer, attempt: Attempt): PullState | undefined {
    const name = nameOf(container)
    let joined: PullState | undefined
    for (const pull of this.pulls.values()) {
      // What went well is not what the kubelet says has failed.
      if (pull.phase === 'completed' && attempt.status === 'failed') continue
      if (!pull.pods.some(pod => pod.certain && nameOf(pod) === name)) continue
      if (madeBy(pull, attempt)) return pull
      if (pull.completedAtMs === undefined && attempt.startedAtMs >= pull.startedAtMs) joined = pull
    }
    return joined
  }

  #replace(container: WaitingContainer, attempt: Attempt, owner: PullState): void {
    const key = keyOf(container)
    const id = queuedId(container, attempt)
    const announced = this.queued.get(id)?.announced === true
    this.told.set(key, { startedAtMs: attempt.startedAtMs, by: owner.id, shown: announced })
    const waitedMs = owner.startedAtMs - attempt.startedAtMs
    // The kubelet's time is cut to the second: less than that is no queue. Who came later waits for what is under way.
    const queuedMs = waitedMs < 0 ? owner.queuedMs : Math.max(owner.queuedMs ?? 0, waitedMs < 1000 ? 0 : waitedMs)
    this.queued.delete(id)
    const replaces = announced ? { replaces: [...new Set(owner.replaces).add(id)] } : {}
    this.pulls.set(owner.id, { ...owner, ...replaces, queuedMs })
  }

  #live(container: WaitingContainer, attempt: Attempt): void {
    const { holdEnds, moment, past, nodeName } = this.#input
    const id = queuedId(container, attempt)
    const known = this.queued.get(id)
    const over = attempt.status !== 'outstanding' || container.deleted || (known !== undefined && !container.waiting)
    if (over ? holdEnds : known === undefined && this.#input.agentAwaited) return
    const told = this.told.get(keyOf(container))
    const before = told?.startedAtMs === attempt.startedAtMs ? told : undefined
    const fresh = known === undefined && before === undefined && attempt.status !== 'outstanding'
    if (fresh && !past.asked.has(id)) return
    const old = (attempt.endedAtMs ?? Infinity) < moment.nodeMs - oldMs
    if (
      known === undefined &&
      (past.told.has(id) || (over && old) || (container.deleted && attempt.status === 'outstanding'))
    ) {
      this.told.set(keyOf(container), { startedAtMs: attempt.startedAtMs, by: '', shown: false })
      return
    }
    const shown = before?.shown === true
    const queued = known ?? this.#add(container, queuedPull(nodeName, container, attempt), { over, shown })
    if (queued === undefined) return
    if (over) this.#settle(container, attempt, queued)
    else if (queued.dueMs !== undefined) this.queued.set(id, { ...queued, dueMs: undefined })
  }

  #add(
    container: WaitingContainer,
    pull: PullState,
    { over, shown }: { readonly over: boolean; readonly shown: boolean },
  ): QueuedPull | undefined {
    const { room, kubelet } = this.#input
    // What is over needs no room for long.
    if (!over && (this.queued.size >= maxQueuedPerNode || this.queued.size - kubelet.queued.size >= room)) {
      this.dropped++
      return undefined
    }
    const queued: QueuedPull = { pull, key: keyOf(container), announced: shown || !over, dueMs: undefined }
    this.queued.set(pull.id, queued)
    if (!over && !shown) this.changes.push({ type: 'pull.started', pull })
    return queued
  }

  #settle(container: WaitingContainer, attempt: Attempt, queued: QueuedPull): void {
    const { monotonicMs, nodeMs, intervalMs } = this.#input.moment
    const { status, reason, endedAtMs = nodeMs } = attempt
    const failed = () => endQueued(queued.pull, 'failed', endedAtMs, { reason })
    if (status === 'failed' && !this.#mayBeUnresolved(attempt)) {
      this.#end(queued, failed())
      return
    }
    if (status === 'outstanding' && container.deleted) {
      this.#end(queued, endQueued(queued.pull, 'failed', nodeMs, { reason: cancelled }))
      return
    }
    // The agent tells of the pull with one of its next looks, if it has seen it.
    const dueMs = queued.dueMs ?? monotonicMs + Math.min(maxWaitMs, Math.max(waitMs, intervalMs + 1000))
    if (monotonicMs < dueMs) this.queued.set(queued.pull.id, { ...queued, dueMs })
    else if (status === 'failed') this.#end(queued, failed())
    else this.#end(queued, endQueued(queued.pull, 'completed', endedAtMs, { queuedMs: container.facts.queuedMs }))
  }

  /** A pull whose image nobody knows could be this one. */
  #mayBeUnresolved(attempt: Attempt): boolean {
    for (const pull of this.pulls.values()) if (isUnresolved(pull) && madeBy(pull, attempt)) return true
    return false
  }

  #end(queued: QueuedPull, pull: PullState): void {
    if (this.#input.holdEnds) return
    this.queued.delete(pull.id)
    this.told.set(queued.key, { startedAtMs: pull.startedAtMs, by: pull.id, shown: queued.announced })
    if (!queued.announced) this.changes.push({ type: 'pull.started', pull })
    this.changes.push({ type: pull.phase === 'completed' ? 'pull.completed' : 'pull.failed', pull })
    this.stored.push(pull)
  }
}

/** The attempt's own queued pull has told its end, or the history has it: no other pull can take that back. */
const isItsOwn = ({ by }: ToldAttempt) => by === '' || by.startsWith('q-')

/** The kubelet tries again, so the last try is over: as it said, for its newest words of each kind are still known. */
function endOfEarlier(pull: PullState, { facts }: WaitingContainer, next: Attempt): PullState {
  const { queuedMs } = facts
  const last = attemptOf({ ...facts, pullingAtMs: pull.startedAtMs })
  const { status, endedAtMs = next.startedAtMs, reason } = last ?? { status: 'outstanding' }
  if (endedAtMs > next.startedAtMs || status === 'outstanding') {
    return endQueued(pull, 'unknown', next.startedAtMs, { reason: untold })
  }
  return status === 'pulled'
    ? endQueued(pull, 'completed', endedAtMs, { queuedMs })
    : endQueued(pull, 'failed', endedAtMs, { reason })
}
