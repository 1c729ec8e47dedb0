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
  readonly past: Past
  readonly moment: Moment
  /** The history cannot be written: ends wait, everything else goes on. */
  readonly holdEnds: boolean
  /** The server has just begun, and the node's agent may soon say what the runtime does: nothing is queued until then. */
  readonly agentAwaited: boolean
  /** How many queued pulls may be added. */
  readonly room: number
}

/** What the history says of attempts that were over when they were first heard of. */
export interface Past {
  /** Ids that it was asked for; others wait for the next join. */
  readonly asked: ReadonlySet<string>
  /** Of these, those whose end it tells: under that id or as an agent's pull. */
  readonly told: ReadonlySet<string>
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
