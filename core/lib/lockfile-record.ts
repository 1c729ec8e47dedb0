import { version } from './version.ts'

/** What a holder writes of itself: enough for another process to tell whether it is still there. */
export interface LockRecord {
  readonly pid: number
  /** As the kernel counts it; null where it does not tell. */
  readonly start_time: string | null
  readonly boot_id: string | null
  readonly host: string
  /** Random, 32 hex digits: whose file it is. */
  readonly token: string
  readonly service: string
  readonly version: string
  /** RFC 3339, UTC. */
  readonly started_at: string
}

export function recordText(record: Omit<LockRecord, 'version'>): string {
  return `${JSON.stringify({ ...record, version })}\n`
}

/** Undefined when it is not whole, or not ours at all. */
export function parseRecord(text: string): LockRecord | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { pid, start_time, boot_id, host, token, started_at } = value as Record<string, unknown>
  const isWhole =
    Number.isSafeInteger(pid) &&
    Number(pid) > 0 &&
    typeof host === 'string' &&
    typeof started_at === 'string' &&
    /^[0-9a-f]{32}$/.test(String(token)) &&
    [start_time, boot_id].every(field => field === null || typeof field === 'string')
  return isWhole ? (value as LockRecord) : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Half-written, or somebody else's.
    return undefined
  }
}
