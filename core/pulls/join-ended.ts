import { unresolvedImage } from '../contract/words.ts'
import type { PullChange } from './change.ts'
import { isExact, madeBy, nameOf, podRefOf } from './claims.ts'
import { isUnresolved, type JoinInput, waitMs } from './join-input.ts'
import type { QueuedJoin } from './join-queued.ts'
import type { Reason } from './kubelet-reason.ts'
import { saysMore } from './kubelet-reason.ts'
import type { EndedPull, QueuedPull } from './kubelet-state.ts'
import type { PullState } from './pull.ts'
import { isSpecific, queuedId, withReason } from './queued.ts'
import { attemptOf, keyOf, type WaitingContainer } from './waiting.ts'

/** A reason that comes later than this finds its pull no more. Milliseconds. */
const rememberMs = 600_000
/** Ended pulls of one node for which a reason is still taken. */
const maxRemembered = 100

export interface EndedJoin {
  readonly pulls: Map<string, PullState>
  readonly queued: Map<string, QueuedPull>
  readonly told: QueuedJoin['told']
  readonly ended: Map<string, EndedPull>
  /** Ends that waited, and reasons that came late. */
  readonly changes: PullChange[]
  readonly stored: PullState[]
}

/** Gives ends of the agent the kubelet's reason: at once, within three seconds, or later as a correction. */
export function joinEnded(input: JoinInput, { pulls, queued, told }: QueuedJoin): EndedJoin {
  const joined: EndedJoin = { pulls, queued, told, ended: new Map(), changes: [], stored: [] }
  const fresh = new Set(input.ended.map(({ id }) => id))
  for (const entry of input.kubelet.ended.values()) {
    // Reported again: the agent knows better than what was remembered.
    if (input.pulls.has(entry.pull.id) || fresh.has(entry.pull.id)) continue
    takeRemembered(entry, input, joined)
  }
  const started = new Set(input.changes.filter(({ type }) => type === 'pull.started').map(({ pull }) => pull.id))
  for (const { id } of input.ended) takeFresh(pulls.get(id)!, started.has(id), input, joined)
  trim(joined.ended)
  return joined
}

function takeFresh(ended: PullState, isNew: boolean, input: JoinInput, joined: EndedJoin): void {
  const { monotonicMs } = input.moment
  if (ended.phase === 'completed') {
    const pull = withQueueTime(ended, input.waits.containers)
    joined.pulls.set(pull.id, pull)
    joined.stored.push(pull)
    return
  }
  const named = isUnresolved(ended) ? soleMaker(ended, input, joined) : ended
  const reason = reasonFor(named, input.waits.containers)
  const pull = reason === undefined ? named : withReason(named, reason, false)
  joined.pulls.set(pull.id, pull)
  joined.stored.push(pull)
  const before = input.kubelet.ended.get(pull.id)
  const hold = reason === undefined && !isSpecific(pull) && mayBeTold(pull, input.waits.containers)
  const held = hold ? (isNew || before?.held === 'both' ? 'both' : 'end') : undefined
  if (!hold && pull.pods.length === 0) return
  const dueMs = monotonicMs + (hold ? waitMs : rememberMs)
  joined.ended.set(pull.id, { pull, stored: true, held, heard: reason !== undefined, dueMs })
}

function takeRemembered(entry: EndedPull, input: JoinInput, joined: EndedJoin): void {
  const { monotonicMs } = input.moment
  const claimed = joined.pulls.get(entry.pull.id) ?? entry.pull
  const named = isUnresolved(claimed) && !input.holdEnds ? soleMaker(claimed, input, joined) : claimed
  const reason = input.holdEnds ? undefined : reasonFor(named, input.waits.containers)
  const pull = reason === undefined ? named : withReason(named, reason, entry.heard)
  const heard = entry.heard || reason !== undefined
  const told = pull.error !== entry.pull.error || pull.errorCode !== entry.pull.errorCode
  if (entry.held === undefined) {
    if (monotonicMs >= entry.dueMs) return
    if (told) {
      joined.stored.push(pull)
      joined.changes.push({ type: entry.pull.phase === pull.phase ? 'pull.progress' : 'pull.failed', pull })
    }
    joined.ended.set(pull.id, { ...entry, pull: told ? pull : entry.pull, heard })
    return
  }
  const stored = entry.stored && pull === entry.pull
  if (reason === undefined && monotonicMs < entry.dueMs) {
    joined.ended.set(pull.id, { ...entry, pull, stored })
    return
  }
  // What pods added while the end waited must be as safe as the end.
  if (!stored) {
    if (input.holdEnds) {
      joined.ended.set(pull.id, { ...entry, pull, stored })
      return
    }
    joined.stored.push(pull)
  }
  if (entry.held === 'both') joined.changes.push({ type: 'pull.started', pull })
  joined.changes.push({ type: 'pull.failed', pull })
  joined.ended.set(pull.id, { pull, stored: true, held: undefined, heard, dueMs: monotonicMs + rememberMs })
}

/** The best reason of the containers that this pull was made for. */
function reasonFor(pull: PullState, containers: readonly WaitingContainer[]): Reason | undefined {
  let best: Reason | undefined
  for (const container of containers) {
    const attempt = attemptOf(container.facts)
    if (attempt?.status !== 'failed' || attempt.reason === undefined || !madeBy(pull, attempt)) continue
    if (isOn(pull, container) && saysMore(attempt.reason, best)) best = attempt.reason
  }
  return best
}

const isOn = (pull: PullState, container: WaitingContainer) => {
  const name = nameOf(container)
  return pull.pods.some(pod => nameOf(pod) === name && (pod.certain || isExact(pull, container)))
}

/** Whether the kubelet may yet say why: a container tries to pull this, or may. */
function mayBeTold(pull: PullState, containers: readonly WaitingContainer[]): boolean {
  return containers.some(container => {
    if (!container.waiting) return false
    const attempt = attemptOf(container.facts)
    const blank = isUnresolved(pull) && attempt?.status === 'outstanding' && madeBy(pull, attempt)
    return blank || pull.pods.some(pod => nameOf(pod) === nameOf(container))
  })
}

/**
 * A pull that ended before its image was known is the one of which the kubelet says that it failed, when no other pull
 * and no other container can be meant. It then takes the place of the queued one.
 */
function soleMaker(pull: PullState, { waits, kubelet }: JoinInput, joined: EndedJoin): PullState {
  const makers = waits.containers.filter(container => {
    const attempt = attemptOf(container.facts)
    if (attempt === undefined || attempt.status === 'pulled' || !madeBy(pull, attempt)) return false
    const told = joined.told.get(keyOf(container))
    return told === undefined || told.startedAtMs < attempt.startedAtMs
  })
  const [container] = makers
  const attempt = container && attemptOf(container.facts)
  if (container === undefined || makers.length > 1 || attempt?.status !== 'failed') return pull
  const others = [...joined.pulls.values(), ...[...kubelet.ended.values()].map(({ pull }) => pull)]
  if (others.some(other => other.id !== pull.id && other.imageRef === unresolvedImage && madeBy(other, attempt)))
    return pull
  const id = queuedId(container, attempt)
  const announced = joined.queued.get(id)?.announced === true
  joined.queued.delete(id)
  joined.told.set(keyOf(container), { startedAtMs: attempt.startedAtMs, by: pull.id, shown: announced })
  return {
    ...pull,
    imageRef: container.image.name,
    pods: [podRefOf(container, true)],
    ...(announced && { replaces: [...(pull.replaces ?? []), id] }),
  }
}

/** The kubelet says to the millisecond how long a pull waited; its events are cut to the second. */
function withQueueTime(pull: PullState, containers: readonly WaitingContainer[]): PullState {
  for (const container of containers) {
    const { queuedMs } = container.facts
    if (queuedMs === undefined || !madeBy(pull, attemptOf(container.facts)) || !isOn(pull, container)) continue
    return { ...pull, queuedMs }
  }
  return pull
}

/** The oldest are forgotten first; those whose end waits are never. */
function trim(ended: Map<string, EndedPull>): void {
  for (const [id, { held }] of ended) {
    if (ended.size <= maxRemembered) return
    if (held === undefined) ended.delete(id)
  }
}
