import type { AgentReport, ReportedPull } from '../core/contract/agent-report.ts'
import { agentReportBytes } from '../core/contract/words.ts'
import { jsonBytesOf, maxHeld, type Terminals } from './terminals.ts'
import { withinBounds } from './within-bounds.ts'

export interface ReportHead {
  readonly nodeName: string
  readonly agent: AgentReport['agent']
  readonly runtime: AgentReport['runtime']
  readonly timestamp: string
}

export interface BuiltReport {
  readonly report: AgentReport
  /** The ended pulls in it, which its answer may acknowledge. */
  readonly terminals: readonly ReportedPull[]
}

/** By the contract; characters. */
const maxVersionLength = 64

/** What the rest of a report may take. */
const headBytes = 4096

/** A full snapshot under 3 MiB: active pulls first, then as many ended ones as fit, in turns. */
export function buildReport(head: ReportHead, active: readonly ReportedPull[], held: Terminals): BuiltReport {
  const fitting = shrink(active.map(withinBounds), agentReportBytes - headBytes)
  if (held.size > 0) for (const { id } of active) held.forget(id)
  const terminals = held.batch(fitting.leftBytes, maxHeld - fitting.pulls.length)
  const { runtime, ...rest } = head
  const report: AgentReport = {
    ...rest,
    // A version that was built by hand may be of any length.
    ...(runtime && { runtime: { ...runtime, version: runtime.version.slice(0, maxVersionLength) } }),
    droppedTerminal: held.dropped,
    pulls: [...fitting.pulls, ...terminals],
  }
  return { report, terminals }
}

/**
 * Active pulls are never left out: the server would ask for them. When they are too many, those
 * with the most layers go without them.
 */
function shrink(active: readonly ReportedPull[], bytes: number): { pulls: readonly ReportedPull[]; leftBytes: number } {
  const sized = active.map(pull => ({ pull, bytes: jsonBytesOf(pull) }))
  let leftBytes = bytes - sized.reduce((sum, item) => sum + item.bytes, 0)
  if (leftBytes >= 0) return { pulls: active, leftBytes }
  for (const item of [...sized].sort((a, b) => b.bytes - a.bytes)) {
    if (leftBytes >= 0) break
    item.pull = { ...item.pull, layers: [], totalKnown: false }
    const bare = jsonBytesOf(item.pull)
    leftBytes += item.bytes - bare
    item.bytes = bare
  }
  return { pulls: sized.map(({ pull }) => pull), leftBytes: Math.max(0, leftBytes) }
}
