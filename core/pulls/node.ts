import type { ReportOrder } from './order.ts'
import type { PullState } from './pull.ts'

/** All that is known of one node. Immutable, as PullState. */
export interface NodeState {
  readonly nodeName: string
  readonly order: ReportOrder
  readonly agentVersion: string | undefined
  readonly runtime: string | undefined
  readonly droppedTerminal: number
  /** Clock of the node minus clock of the server, at the last report. Milliseconds. */
  readonly clockSkewMs: number
  /** Last report, by the clock of the server. Epoch ms. */
  readonly receivedAtMs: number
  /** The same moment by the server's clock that is never set: how long the node has been silent. Monotonic ms. */
  readonly heardAtMs: number
  /** What the node was last told. Milliseconds. */
  readonly intervalMs: number
  readonly stale: boolean
  /** Pulls that have not ended, by id. */
  readonly pulls: ReadonlyMap<string, PullState>
  /** Reports in a row that lacked a live pull, by its id. */
  readonly misses: ReadonlyMap<string, number>
}
