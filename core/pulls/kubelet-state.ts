import type { PullState } from './pull.ts'

/** A pull that only the kubelet has told of. */
export interface QueuedPull {
  readonly pull: PullState
  /** Its container. */
  readonly key: string
  /** False: it was over when it was first heard of, and the runtime may still show it. No start was sent. */
  readonly announced: boolean
  /** Its end is known and waits until then for the runtime's pull. Monotonic ms. */
  readonly dueMs: number | undefined
}

export interface ToldAttempt {
  readonly startedAtMs: number
  /** Id of that pull; '' when it is history. */
  readonly by: string
  /** It was shown as queued before that pull took its place. */
  readonly shown: boolean
}

/** An agent's pull that did not end well. It is in the history already. */
export interface EndedPull {
  readonly pull: PullState
  /** False: pods have added to it since it was stored. */
  readonly stored: boolean
  /** What readers have not been told yet: the end, or start and end. */
  readonly held: 'end' | 'both' | undefined
  /** Whether the kubelet has said why. */
  readonly heard: boolean
  /** When its end is sent whatever is known; once sent, when it is forgotten. Monotonic ms. */
  readonly dueMs: number
}

/** What is known of one node from its kubelet, beside the agent's pulls. Immutable. */
export interface KubeletState {
  readonly queued: ReadonlyMap<string, QueuedPull>
  /** The newest attempt of each container that some pull stands for. */
  readonly told: ReadonlyMap<string, ToldAttempt>
  readonly ended: ReadonlyMap<string, EndedPull>
}

export const noKubelet: KubeletState = { queued: new Map(), told: new Map(), ended: new Map() }

export const isIdle = ({ queued, told, ended }: KubeletState): boolean =>
  queued.size === 0 && told.size === 0 && ended.size === 0

/** When time alone changes something; Infinity: never. */
export function dueOf({ queued, ended }: KubeletState): number {
  let dueMs = Infinity
  for (const each of queued.values()) dueMs = Math.min(dueMs, each.dueMs ?? Infinity)
  for (const each of ended.values()) dueMs = Math.min(dueMs, each.dueMs)
  return dueMs
}
