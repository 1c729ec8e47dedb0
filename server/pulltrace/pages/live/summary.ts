import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { formatRate } from '../../../../core/lib/format.ts'

type Counted = Pick<Pull, 'phase' | 'stale'> & {
  readonly bytesPerSec?: number | undefined
  readonly pods: readonly { readonly namespace: string; readonly podName: string }[]
}

/** The figures above the list, as texts. */
export interface Summary {
  readonly active: string
  /** Pods that wait for an image. */
  readonly waiting: string
  readonly failing: string
  readonly rate: string
}

/** As the server keeps pulls, or as readers get them. */
export function summaryOf(pulls: Iterable<Counted>): Summary {
  let active = 0
  let failing = 0
  let bytesPerSec = 0
  const pods = new Set<string>()
  for (const pull of pulls) {
    if (pull.phase === 'failed') failing++
    if (isTerminal(pull.phase)) continue
    active++
    // Rounded as readers get it, so that server and browser come to the same sum.
    bytesPerSec += pull.stale ? 0 : Math.round(pull.bytesPerSec ?? 0)
    for (const { namespace, podName } of pull.pods) pods.add(`${namespace}/${podName}`)
  }
  return {
    active: String(active),
    waiting: String(pods.size),
    failing: String(failing),
    rate: formatRate(bytesPerSec),
  }
}
