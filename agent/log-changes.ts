import type { Logger } from '../core/lib/log.ts'

export interface ChangeLog {
  good(fields: Record<string, unknown>): void
  /** `reason` tells one kind of failure from another; the same kind again is not written again. */
  bad(reason: string, fields: Record<string, unknown>): void
}

/** Writes one line for each change of state, however often the state is told. */
export function logChanges(log: Logger, goodMessage: string, badMessage: string): ChangeLog {
  let last: string | undefined
  return {
    good(fields) {
      if (last !== 'good') log.info(goodMessage, fields)
      last = 'good'
    },
    bad(reason, fields) {
      if (last !== `bad: ${reason}`) log.warn(badMessage, fields)
      last = `bad: ${reason}`
    },
  }
}
