import type { ProcessTable } from './lockfile-process.ts'
import type { LockRecord } from './lockfile-record.ts'

/** How often a holder says that it is there, after how long without that another host may take over, and how long an empty file may be one that is being written. */
export const heartbeatMs = 5000
export const silentAfterMs = 30_000
export const unreadableAfterMs = 10_000

export interface FoundLock {
  /** Undefined when the file is empty or unreadable. */
  readonly record: LockRecord | undefined
  readonly mtimeMs: number
}

export type Verdict =
  | { readonly is: 'held'; readonly by: LockRecord }
  /** Somebody may be writing it. */
  | { readonly is: 'unsure' }
  | { readonly is: 'stale'; readonly why: string }

const stale = (why: string): Verdict => ({ is: 'stale', why })

/** Whether the holder of a lock file still lives. `mine` tells the tokens that this very process holds. */
export function judgeLock(
  { record, mtimeMs }: FoundLock,
  here: ProcessTable,
  mine: (token: string) => boolean,
  nowMs: number,
): Verdict {
  const silentMs = nowMs - mtimeMs
  if (!record) return silentMs > unreadableAfterMs ? stale('it cannot be read') : { is: 'unsure' }
  const held: Verdict = { is: 'held', by: record }
  const bySilence = () => (silentMs > silentAfterMs ? stale(`no heartbeat for ${Math.round(silentMs / 1000)} s`) : held)
  if (record.host !== here.host) return bySilence()
  if (record.boot_id !== null && here.bootId !== undefined && record.boot_id !== here.bootId) {
    return stale('the machine has been started anew since')
  }
  if (mine(record.token)) return held
  if (record.pid === here.pid) return stale('its process id is now our own')
  const found = here.find(record.pid)
  if (!found) return stale('its process has ended')
  if (found.startTime === undefined || record.start_time === null) return bySilence()
  return found.startTime === record.start_time ? held : stale('its process id is now of another process')
}
