import type { PullChange } from './change.ts'
import { endUnknown } from './merge.ts'
import type { NodeState } from './node.ts'
import type { PullState } from './pull.ts'

/** A node whose interval is short may still be late by this much. Milliseconds. */
const staleFloorMs = 15_000

/** After this long without a report nobody will learn how its pulls ended. Milliseconds. */
export const giveUpAfterMs = 600_000

export interface Swept {
  readonly state: NodeState
  readonly changes: readonly PullChange[]
  /** What must be in the history before `state` and `changes` may be seen. */
  readonly ended: readonly PullState[]
}

/** When a node that last reported then counts as stale, by the clock of the server. Epoch ms. */
export const staleAtMs = ({ receivedAtMs, intervalMs }: NodeState) =>
  receivedAtMs + Math.max(3 * intervalMs, staleFloorMs)

/**
 * What time alone does to a node: its pulls become stale, later they end `unknown`.
 * Undefined when nothing changes.
 */
export function sweep(node: NodeState, nowMs: number): Swept | undefined {
  if (nowMs >= node.receivedAtMs + giveUpAfterMs && node.pulls.size > 0) {
    const ended = [...node.pulls.values()].map(pull =>
      endUnknown(pull, nowMs + node.clockSkewMs, 'the node stopped reporting before the pull ended'),
    )
    const changes = ended.map(pull => ({ type: 'pull.failed', pull }) as const)
    return { state: { ...node, stale: true, pulls: new Map(), misses: new Map() }, changes, ended }
  }
  if (node.stale || nowMs < staleAtMs(node)) return undefined
  const pulls = new Map<string, PullState>()
  const changes: PullChange[] = []
  for (const pull of node.pulls.values()) {
    const stale = { ...pull, stale: true, bytesPerSec: undefined, etaSeconds: undefined }
    pulls.set(pull.id, stale)
    changes.push({ type: 'pull.progress', pull: stale })
  }
  return { state: { ...node, stale: true, pulls }, changes, ended: [] }
}
