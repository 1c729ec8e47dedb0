import type { Pull } from '../../../core/contract/pull.ts'
import { isTerminal, type Phase } from '../../../core/contract/words.ts'

export interface Span {
  readonly name: 'queued' | 'resolving' | 'downloading' | 'unpacking' | 'lazy'
  readonly seconds: number
}

const named: readonly Span['name'][] = ['queued', 'resolving', 'downloading', 'unpacking', 'lazy']

/** How long a pull was in each phase, in their order; by the clock of its node, but for the last one of an active pull. */
export function spansOf(pull: Pull, nowMs: number): Span[] {
  const starts = Object.entries(pull.phaseStartedAt)
    .filter(([phase]) => !isTerminal(phase as Phase))
    .map(([phase, at]) => [phase as Span['name'], Date.parse(at)] as const)
    .sort((a, b) => a[1] - b[1])
  const endMs = pull.completedAt === undefined ? nowMs : Date.parse(pull.completedAt)
  const spans = starts.map(([name, fromMs], index) => ({
    name,
    seconds: Math.max(0, ((starts[index + 1]?.[1] ?? endMs) - fromMs) / 1000),
  }))
  const queued = (pull.queuedMs ?? 0) / 1000
  if (queued > 0 && !spans.some(({ name }) => name === 'queued')) spans.unshift({ name: 'queued', seconds: queued })
  return spans.filter(({ name, seconds }) => named.includes(name) && seconds > 0)
}
