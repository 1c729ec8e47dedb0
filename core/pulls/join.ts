import { isTerminal } from '../contract/words.ts'
import type { PullChange } from './change.ts'
import { claimed } from './claims.ts'
import { type EndedJoin, joinEnded } from './join-ended.ts'
import type { JoinInput } from './join-input.ts'
import { joinQueued } from './join-queued.ts'
import type { KubeletState } from './kubelet-state.ts'
import type { PullState } from './pull.ts'

export interface Joined {
  readonly pulls: ReadonlyMap<string, PullState>
  readonly kubelet: KubeletState
  /** In the order a reader must see them. */
  readonly changes: readonly PullChange[]
  /** What must be in the history before the rest may be seen. */
  readonly ended: readonly PullState[]
  /** Queued pulls for which there was no room. */
  readonly dropped: number
}

/**
 * Pods and kubelet events on the pulls of one node: who waits for which, what is queued, why it failed. Pure, and
 * idempotent: what was joined already changes nothing.
 */
export function joinPods(input: JoinInput): Joined {
  const { kubelet, waits } = input
  const held = [...kubelet.ended.values()].filter(({ held }) => held !== undefined)
  const endings = new Set(input.ended.map(({ id }) => id))
  const past = held.filter(({ pull }) => !endings.has(pull.id) && !input.pulls.has(pull.id))
  const all = [...input.pulls.values(), ...input.ended, ...past.map(({ pull }) => pull)]
  const pulls = new Map(claimed(all, waits).map(pull => [pull.id, pull]))

  const queued = joinQueued(input, pulls)
  const ended: EndedJoin = joinEnded(input, queued)
  const changes = changesOf(input, ended)
  return {
    pulls: liveOf(input.pulls, ended.pulls),
    kubelet: { queued: ended.queued, told: ended.told, ended: ended.ended },
    changes: [...changes, ...queued.changes],
    ended: [...ended.stored, ...queued.stored],
    dropped: queued.dropped,
  }
}

/** The same map when no pull is another. */
function liveOf(before: ReadonlyMap<string, PullState>, pulls: ReadonlyMap<string, PullState>) {
  let same = true
  const live = new Map<string, PullState>()
  for (const [id, pull] of before) {
    const now = pulls.get(id) ?? pull
    same &&= now === pull
    live.set(id, now)
  }
  return same ? before : live
}

/** The report's own changes with what pods add to them, then what only pods changed, then ends that waited. */
function changesOf({ pulls, changes, kubelet }: JoinInput, joined: EndedJoin): PullChange[] {
  const result: PullChange[] = []
  const told = new Set<string>()
  for (const { type, pull } of changes) {
    told.add(pull.id)
    const held = joined.ended.get(pull.id)?.held
    if (held === 'both' || (held === 'end' && isTerminal(pull.phase))) continue
    const now = joined.pulls.get(pull.id) ?? pull
    // Its start was held with its end, and the agent has corrected that.
    if (kubelet.ended.get(pull.id)?.held === 'both' && type !== 'pull.started') {
      result.push({ type: 'pull.started', pull: now })
      if (!isTerminal(now.phase)) continue
    }
    // A start seen only when it was over shows its end's phase; both carry the same pods.
    result.push({ type, pull: now })
  }
  for (const [id, before] of pulls) {
    const pull = joined.pulls.get(id) ?? before
    if (pull !== before && !told.has(id)) result.push({ type: 'pull.progress', pull })
  }
  return [...result, ...joined.changes]
}
