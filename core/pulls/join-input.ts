import { unresolvedImage } from '../contract/words.ts'
import type { PullChange } from './change.ts'
import type { KubeletState } from './kubelet-state.ts'
import type { PullState } from './pull.ts'
import type { NodeWaits } from './waiting.ts'

/** How long a failure waits for the kubelet's reason, and a success for the runtime's pull. Milliseconds. */
export const waitMs = 3000

export interface JoinInput {
  readonly nodeName: string
  /** The agent's live pulls, with what the newest report says. */
  readonly pulls: ReadonlyMap<string, PullState>
  /** What that report changed, and what it ended; empty where only pods changed. */
  readonly changes: readonly PullChange[]
  readonly ended: readonly PullState[]
  readonly kubelet: KubeletState
  readonly waits: NodeWaits
  /** Ids of `idsToLookUp` whose end the history tells, under that id or as an agent's pull. */
  readonly past: ReadonlySet<string>
  readonly moment: Moment
  /** The history cannot be written: ends wait, everything else goes on. */
  readonly holdEnds: boolean
  /** How many queued pulls may be added. */
  readonly room: number
}

export interface Moment {
  /** By the clock of the node, as far as it is known. Epoch ms. */
  readonly nodeMs: number
  /** By a clock that is never set. Milliseconds. */
  readonly monotonicMs: number
  /** How often the node's agent looks; 0 when there is none. Milliseconds. */
  readonly intervalMs: number
}

export const isUnresolved = ({ imageRef }: PullState) => imageRef === unresolvedImage
