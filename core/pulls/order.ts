import { type AgentReport, type AgentReportV1, isV1 } from '../contract/agent-report.ts'
import { kept } from './kept.ts'

/** Superseded epochs that are remembered: a report of one of them is late, not new. */
const rememberedEpochs = 8

/** What decides whether a report is newer than the state. */
export interface ReportOrder {
  /** Undefined after a v1 report. */
  readonly epoch: string | undefined
  readonly seq: number
  readonly timestampMs: number
  readonly superseded: readonly string[]
}

/** Same epoch: the higher seq wins. Another one: new, unless it was superseded. v1 has only its timestamp. */
export function orderOf(
  { order }: { readonly order: ReportOrder },
  report: AgentReport | AgentReportV1,
): 'newer' | 'stale' {
  if (isV1(report)) return Date.parse(report.timestamp) > order.timestampMs ? 'newer' : 'stale'
  const { epoch, seq } = report.agent
  if (epoch === order.epoch) return seq > order.seq ? 'newer' : 'stale'
  return order.superseded.includes(epoch) ? 'stale' : 'newer'
}

export function supersededBy(
  old: ReportOrder | undefined,
  agent: AgentReport['agent'] | undefined,
  timestampMs: number,
): ReportOrder {
  const superseded = old?.superseded ?? []
  const left = old?.epoch !== undefined && old.epoch !== agent?.epoch ? [old.epoch] : []
  return {
    epoch: kept(old?.epoch, agent?.epoch),
    seq: agent?.seq ?? 0,
    timestampMs,
    superseded: left.length === 0 ? superseded : [...superseded, ...left].slice(-rememberedEpochs),
  }
}
