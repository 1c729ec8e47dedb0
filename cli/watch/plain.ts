import { isDemoNode } from '../../core/contract/demo.ts'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { isTerminal, type Phase } from '../../core/contract/words.ts'
import { formatRate, formatSeconds, formatShare } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { breaksText, failureTexts, summaryTexts } from './describe-pull.ts'

/** At most one line of progress per pull in so long. Milliseconds. */
export const progressEveryMs = 5000

interface Told {
  readonly phase: Phase
  readonly atMs: number
  readonly stalled: boolean
  readonly violations: number
}

/**
 * Lines for a log file or a pipe: one for each change of phase, one when bytes stop and when they
 * flow again, and one of progress per pull each few seconds. Keeps only pulls that have not ended.
 */
export class PlainLines {
  #told = new Map<string, Told>()

  /** The line for this event, or undefined when it says nothing new. */
  lineOf({ pull, left, timestamp }: PullEvent, nowMs: number): string | undefined {
    if (left) {
      this.#told.delete(pull.id)
      return undefined
    }
    const before = this.#told.get(pull.id)
    const stalled = pull.stalledSince !== undefined || pull.stale
    const violations = pull.violations?.length ?? 0
    const changed = before?.phase !== pull.phase || before.stalled !== stalled || before.violations !== violations
    if (!changed && nowMs - before.atMs < progressEveryMs) return undefined
    if (isTerminal(pull.phase)) this.#told.delete(pull.id)
    else this.#told.set(pull.id, { phase: pull.phase, atMs: nowMs, stalled, violations })
    const demo = isDemoNode(pull.nodeName) ? ' [DEMO DATA]' : ''
    const breaks = breaksText(pull)
    const text = breaks === undefined ? textOf(pull) : `${textOf(pull)} (${breaks})`
    return `${timestamp} ${harmless(pull.nodeName)}${demo} ${harmless(pull.imageRef)} ${text}`
  }

  /** A server that starts its state again tells of everything: what it no longer tells of is forgotten. */
  reset(): void {
    this.#told.clear()
  }
}

function textOf(pull: Pull): string {
  switch (pull.phase) {
    case 'completed':
      return summaryTexts(pull)[0]!
    case 'failed':
      return failureTexts(pull)[0]!
    case 'unknown':
      return 'unknown: ended, and nobody saw how'
    case 'unpacking':
      return [pull.phase, shareOf(pull.unpackedBytes, pull.totalBytes), noteOf(pull)].filter(Boolean).join(' ')
    case 'downloading': {
      const percent = pull.percent === undefined ? '' : `${Math.floor(pull.percent)}%`
      const rate = pull.bytesPerSec ? formatRate(pull.bytesPerSec) : ''
      const eta = pull.etaSeconds === undefined ? '' : `ETA ${formatSeconds(pull.etaSeconds)}`
      const flow = noteOf(pull) || [rate, eta].filter(Boolean).join(' ')
      return [pull.phase, percent, shareOf(pull.downloadedBytes, pull.totalBytes), flow].filter(Boolean).join(' ')
    }
    default:
      return [pull.phase, noteOf(pull)].filter(Boolean).join(' ')
  }
}

const shareOf = (bytes: number, total: number | undefined) => (total === undefined ? '' : formatShare(bytes, total))

function noteOf({ stale, stalledSince }: Pull): string {
  if (stale) return '(the node is silent)'
  return stalledSince === undefined ? '' : `(stalled since ${stalledSince})`
}
