import { endUnknown } from './merge.ts'
import type { NodeState } from './node.ts'
import type { PullState } from './pull.ts'

export const serverStopped = 'the server stopped before the pull ended'

/**
 * How a node's pulls stand in the history when the server stops: should the agent stop too, nobody else would ever tell
 * of them. An agent that goes on corrects each with its next report. What the kubelet told of it will tell again.
 * `nowMs` is by the clock of `heardAtMs`.
 */
export function endsAtServerStop(node: NodeState, nowMs: number): PullState[] {
  const atMs = node.receivedAtMs + node.clockSkewMs + (nowMs - node.heardAtMs)
  const live = [...node.pulls.values()].filter(({ source }) => source === 'agent')
  return live.map(pull => endUnknown(pull, atMs, serverStopped))
}
