import type { V1Condition } from '../core/kube/objects.ts'

/** Of every PulltraceConfig, from the first look on: an absent condition would be read as good news. */
export const conditionTypes = ['Ready', 'Reconciling', 'Stalled', 'Degraded'] as const
export type ConditionType = (typeof conditionTypes)[number]

export interface Finding {
  readonly status: 'True' | 'False' | 'Unknown'
  /** CamelCase; part of the API. */
  readonly reason: string
  readonly message: string
}

export type Findings = Readonly<Record<ConditionType, Finding>>

/** The API server refuses a longer one. */
const longestMessage = 4096

/**
 * The conditions as they are written. `lastTransitionTime` is when the status last changed: another reason or message
 * does not move it.
 */
export function conditionsOf(
  findings: Findings,
  before: readonly V1Condition[] | undefined,
  generation: number,
  nowMs: number,
): V1Condition[] {
  // To the second, as Kubernetes writes times: what is read back is equal.
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z')
  return conditionTypes.map(type => {
    const { status, reason, message } = findings[type]
    const old = before?.find(condition => condition.type === type)
    return {
      type,
      status,
      reason,
      message: message.length > longestMessage ? `${message.slice(0, longestMessage - 1)}…` : message,
      observedGeneration: generation,
      lastTransitionTime: old?.status === status ? old.lastTransitionTime : now,
    }
  })
}
