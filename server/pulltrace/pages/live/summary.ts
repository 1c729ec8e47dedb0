import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { formatRate } from '../../../../core/lib/format.ts'

/** The figures above the list, as texts. */
export interface Summary {
  readonly active: string
  /** Pods that wait for an image. */
  readonly waiting: string
  readonly failing: string
  readonly rate: string
}

export function summaryOf(pulls: Iterable<Pull>): Summary {
  let active = 0
  let failing = 0
  let bytesPerSec = 0
  const pods = new Set<string>()
  for (const pull of pulls) {
    if (pull.phase === 'failed') failing++
    if (isTerminal(pull.phase)) continue
    active++
    bytesPerSec += pull.stale ? 0 : (pull.bytesPerSec ?? 0)
    for (const { namespace, podName } of pull.pods) pods.add(`${namespace}/${podName}`)
  }
  return {
    active: String(active),
    waiting: String(pods.size),
    failing: String(failing),
    rate: formatRate(bytesPerSec),
  }
}
