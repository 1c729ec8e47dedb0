import { parseDurationMs } from '../../../core/lib/duration.ts'
import { seenOf } from '../../../core/lib/seen.ts'

export interface Intervals {
  readonly reportIntervalMs: number
  /** Greater than or equal to the other. */
  readonly idleReportIntervalMs: number
}

/** The two keys of ConfigMap `pulltrace-settings` that are read. */
export interface SettingsData {
  readonly reportInterval?: string | undefined
  readonly idleReportInterval?: string | undefined
}

const minMs = 100
const maxMs = 300_000

/**
 * What the ConfigMap commands, or every fault in it. Whoever edits it by hand is held to the bounds of PulltraceConfig:
 * nothing else stands between a wrong value and all agents. A key that is absent leaves `otherwise` in force; without
 * an idle interval a node that pulls nothing reports as any other.
 */
export function intervalsOf(data: SettingsData, otherwise: Intervals): Intervals | { readonly faults: string[] } {
  const faults: string[] = []
  const read = (key: keyof SettingsData): number | undefined => {
    const text = data[key]
    if (text === undefined) return undefined
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return Math.round(ms)
    faults.push(`\`data.${key}\` must be a duration such as '2s' from 100ms to 5m, got ${seenOf(text)}`)
    return undefined
  }
  const report = read('reportInterval')
  const idle = read('idleReportInterval')
  if (faults.length > 0) return { faults }
  if (report === undefined && idle === undefined) return otherwise
  const reportIntervalMs = report ?? otherwise.reportIntervalMs
  const idleReportIntervalMs = idle ?? reportIntervalMs
  if (idleReportIntervalMs < reportIntervalMs) {
    return { faults: ['`data.idleReportInterval` must be greater than or equal to `data.reportInterval`'] }
  }
  return { reportIntervalMs, idleReportIntervalMs }
}
