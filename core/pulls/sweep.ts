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

/** How long a node may be silent before it counts as stale. Milliseconds. */
const staleAfterMs = ({ intervalMs }: NodeState) => Math.max(3 * intervalMs, staleFloorMs)

/**
 * What time alone does to a node: its pulls become stale, later they end `unknown`.
 * Undefined when nothing changes. `nowMs` is by the clock of `heardAtMs`: a server whose clock was set, or that
 * slept with its machine, has not been left by every node.
 */
export function sweep(node: NodeState, nowMs: number): Swept | undefined {
  const silentMs = nowMs - node.heardAtMs
  if (silentMs >= giveUpAfterMs && node.pulls.size > 0) {
    const atMs = node.receivedAtMs + node.clockSkewMs + silentMs
    const ended = [...node.pulls.values()].map(pull =>
      endUnknown(pull, atMs, 'the node stopped reporting before the pull ended'),
    )
    const changes = ended.map(pull => ({ type: 'pull.failed', pull }) as const)
    return { state: { ...node, stale: true, pulls: new Map(), misses: new Map() }, changes, ended }
  }
  if (node.stale || silentMs < staleAfterMs(node)) return undefined
  const pulls = new Map<string, PullState>()
  const changes: PullChange[] = []
  for (const pull of node.pulls.values()) {
    const stale = { ...pull, stale: true, bytesPerSec: undefined }
    pulls.set(pull.id, stale)
    changes.push({ type: 'pull.progress', pull: stale })
  }
  return { state: { ...node, stale: true, pulls }, changes, ended: [] }
}
