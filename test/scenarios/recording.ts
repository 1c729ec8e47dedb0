import type { Pull } from '../../core/contract/pull.ts'
import type { Phase, TerminalPhase } from '../../core/contract/words.ts'
import type { BuiltImage } from '../rig/images.ts'
import type { SeenEvent } from './event-recorder.ts'
import type { RelayedReport } from './relay.ts'

/** One pull as the test made it: the truth that all else is held against. */
export interface Call {
  readonly image: BuiltImage
  readonly ref: string
  /** The containerd namespace when `ctr` pulled; undefined: the kubelet's call. */
  readonly ctr: string | undefined
  readonly mayBeUnseen: boolean
  /** The image was removed again: no record shows at the end that it was there. */
  readonly removed: boolean
  /** How it may be said to have ended, when that is less than the truth. */
  readonly ends: readonly TerminalPhase[] | undefined
  /** When it fails, it may be said that nobody can tell. */
  readonly mayFailUntold: boolean
  readonly startMs: number
  endMs?: number
  error?: Error | undefined
  done?: Promise<void>
}

/** Everything that one watch said during one scenario, and what really happened. */
export interface Recording {
  readonly nodeName: string
  /** Of the proxy, as it stands in image references. */
  readonly host: string
  readonly calls: readonly Call[]
  readonly reports: readonly RelayedReport[]
  readonly events: readonly SeenEvent[]
  /** Pulls that had ended when the stream was reset: no event tells of that, and the lists do. */
  readonly missed: readonly Pull[]
  /** What the proxy sent of blobs. */
  readonly wire: readonly { readonly atMs: number; readonly digest: string; readonly bytes: number }[]
  readonly withoutRecord: ReadonlySet<string>
  /** At the end; of all scenarios of this server. */
  readonly history: readonly Pull[]
  readonly pulls: readonly Pull[]
  /** Name to digest of each image record by containerd namespace, as `ctr` prints them at the end. */
  readonly images: ReadonlyMap<string, ReadonlyMap<string, string>>
}

export const wireBytes = ({ wire }: Recording, digest: string, fromMs: number, untilMs: number): number => {
  let sum = 0
  for (const piece of wire)
    if (piece.digest === digest && piece.atMs >= fromMs && piece.atMs <= untilMs) sum += piece.bytes
  return sum
}

/**
 * A pull that its agent saw resolve, and no more, before it was killed, and that was over when the next one looked:
 * nothing says which image it was of, so nobody can tell how it ended.
 */
export const cannotBeTold = ({ reports }: Recording, { id, digest, phase }: Pull): boolean => {
  if (phase !== 'unknown' || digest !== undefined) return false
  const told = reports.filter(({ report }) => report.pulls.some(pull => pull.id === id))
  return new Set(told.map(({ report }) => report.agent.epoch)).size > 1
}

/** How a call must be said to have ended. */
export const endsOf = (call: Call): readonly Phase[] =>
  call.ends ?? (!call.error ? ['completed'] : call.mayFailUntold ? ['failed', 'unknown'] : ['failed'])

/**
 * Which call a pull is: same image, and begun while the call went on. Pulls that have told no digest yet fit every
 * image. The clock is the same for all: one machine.
 */
export function callOf(calls: readonly Call[], pull: { digest?: string; startedAt: string }): readonly Call[] {
  const startedMs = Date.parse(pull.startedAt)
  return calls.filter(
    ({ image, startMs, endMs = Number.POSITIVE_INFINITY }) =>
      (pull.digest === undefined || pull.digest === image.targetDigest) &&
      startedMs >= startMs - 5 &&
      startedMs <= endMs,
  )
}
