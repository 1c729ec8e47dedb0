import { type AgentReport, type AgentReportV1, isV1, type ReportedPull } from '../contract/agent-report.ts'
import { isTerminal, type TerminalPhase } from '../contract/words.ts'
import { advance, differs, type Look } from './advance.ts'
import type { PullChange } from './change.ts'
import { kept } from './kept.ts'
import type { NodeState } from './node.ts'
import { orderOf, supersededBy } from './order.ts'
import type { PullState } from './pull.ts'
import { fetchedBytesOf } from './rate.ts'
import type { Snapshot } from './snapshot.ts'
import { snapshotOfV1 } from './v1.ts'

export interface MergeContext {
  /** By the clock of the server. Epoch ms. */
  readonly receivedAtMs: number
  /** The same moment by a clock that is never set. Monotonic ms. */
  readonly heardAtMs: number
  readonly reportIntervalMs: number
  readonly idleReportIntervalMs: number
  /** How ids of this report that are not live ended earlier, from the history. */
  readonly ends: ReadonlyMap<string, TerminalPhase>
  /** The last state of those that ended `unknown`: they may be corrected. */
  readonly unknowns: ReadonlyMap<string, PullState>
  /** The history cannot be written: ends wait, everything else goes on. */
  readonly holdEnds: boolean
}

export interface Merged {
  /** False: the report is older than what is known; nothing changes. */
  readonly accepted: boolean
  readonly state: NodeState
  /** In the order a reader must see them. */
  readonly changes: readonly PullChange[]
  /** What must be in the history before `state` and `changes` may be seen. */
  readonly ended: readonly PullState[]
  /** Live pulls that the report lacks. */
  readonly awaiting: readonly PullState[]
  /** Over the network, since the last look at each pull. A pull that is new has fetched nothing yet. */
  readonly fetchedBytes: number
}

/** A pull that the agent cannot account for in this many reports after it was asked ended `unknown`. */
export const unansweredReports = 3

/**
 * A node's next state from its last one and a full snapshot. Pure and idempotent:
 * a report that was merged already, or an older one, changes nothing.
 */
export function merge(old: NodeState | undefined, report: AgentReport | AgentReportV1, context: MergeContext): Merged {
  if (old !== undefined && orderOf(old, report) === 'stale') {
    return { accepted: false, state: old, changes: [], ended: [], awaiting: [], fetchedBytes: 0 }
  }
  const snapshot: Snapshot = isV1(report) ? snapshotOfV1(old, report) : report
  const atMs = Date.parse(snapshot.timestamp)
  const look: Look = {
    nodeName: old?.nodeName ?? snapshot.nodeName,
    atMs,
    intervalMs: context.reportIntervalMs,
  }
  const pulls = new Map<string, PullState>()
  const changes: PullChange[] = []
  const ended: PullState[] = []
  const known = livePullsOf(old, snapshot.pulls)
  let fetchedBytes = 0

  const result = { pulls, changes, ended }
  for (let at = 0; at < snapshot.pulls.length; at++) {
    fetchedBytes += mergePull(known[at], snapshot.pulls[at]!, look, context, result)
  }

  const missing = missingFrom(old, pulls, ended, look, context)
  for (const pull of missing.given) {
    ended.push(pull)
    changes.push({ type: 'pull.failed', pull })
  }
  for (const pull of missing.awaited) pulls.set(pull.id, pull)

  const state: NodeState = {
    nodeName: look.nodeName,
    order: supersededBy(old?.order, snapshot.agent, atMs),
    agentVersion: kept(old?.agentVersion, snapshot.agent?.version ?? old?.agentVersion),
    runtime: kept(old?.runtime, runtimeOf(snapshot) ?? old?.runtime),
    droppedTerminal: snapshot.droppedTerminal ?? 0,
    clockSkewMs: atMs - context.receivedAtMs,
    receivedAtMs: context.receivedAtMs,
    heardAtMs: context.heardAtMs,
    intervalMs: pulls.size > 0 ? context.reportIntervalMs : context.idleReportIntervalMs,
    stale: false,
    pulls,
    misses: missing.misses,
  }
  return { accepted: true, state, changes, ended, awaiting: missing.awaited, fetchedBytes }
}

/** Ids whose past `merge` must know: reported, and not live. */
export function idsToLookUp(old: NodeState | undefined, report: AgentReport | AgentReportV1): readonly string[] {
  const pulls = isV1(report) ? snapshotOfV1(old, report).pulls : report.pulls
  const known = livePullsOf(old, pulls)
  if (known.length === pulls.length && !known.includes(undefined)) return []
  return pulls.filter((_, at) => known[at] === undefined).map(({ id }) => id)
}

/** The live pull that each reported one is. Agents keep their order, and comparing costs less than a look into a map. */
function livePullsOf(old: NodeState | undefined, reported: readonly ReportedPull[]): (PullState | undefined)[] {
  if (old === undefined) return []
  const inOrder = old.pulls.values()
  return reported.map(({ id }) => {
    const next = inOrder.next().value
    return next?.id === id ? next : old.pulls.get(id)
  })
}

const runtimeOf = ({ runtime }: Snapshot) => runtime && `${runtime.name} ${runtime.version}`

interface Result {
  readonly pulls: Map<string, PullState>
  readonly changes: PullChange[]
  readonly ended: PullState[]
}

/** Returns what it has fetched since the last look. Bytes. */
function mergePull(
  live: PullState | undefined,
  reported: ReportedPull,
  look: Look,
  context: MergeContext,
  { pulls, changes, ended }: Result,
): number {
  const past = live === undefined ? context.ends.get(reported.id) : undefined
  if (past === 'completed' || past === 'failed') return 0
  const terminal = isTerminal(reported.phase)
  if (terminal && past === reported.phase) return 0
  if (terminal && context.holdEnds) {
    if (live !== undefined) pulls.set(live.id, live)
    return 0
  }
  const before = live ?? context.unknowns.get(reported.id)
  const pull = advance(before, reported, look)
  const fetchedBytes = fetchedBytesOf(pull.rate) - (before === undefined ? 0 : fetchedBytesOf(before.rate))
  if (before === undefined) changes.push({ type: 'pull.started', pull })
  if (terminal) {
    ended.push(pull)
    changes.push({ type: pull.phase === 'completed' ? 'pull.completed' : 'pull.failed', pull })
    return fetchedBytes
  }
  pulls.set(pull.id, pull)
  if (before !== undefined && differs(before, pull)) changes.push({ type: 'pull.progress', pull })
  return fetchedBytes
}

interface Missing {
  readonly misses: ReadonlyMap<string, number>
  readonly awaited: readonly PullState[]
  readonly given: readonly PullState[]
}

const nothingMissing: Missing = { misses: new Map<string, number>(), awaited: [], given: [] }

function allAccounted(old: NodeState, pulls: ReadonlyMap<string, PullState>): boolean {
  const now = pulls.keys()
  // In the same order but for what began or ended.
  for (const id of old.pulls.keys()) if (now.next().value !== id && !pulls.has(id)) return false
  return true
}

/** Live pulls that this report says nothing of: asked for, and given up once they stay unanswered. */
function missingFrom(
  old: NodeState | undefined,
  pulls: ReadonlyMap<string, PullState>,
  ended: readonly PullState[],
  look: Look,
  { holdEnds }: MergeContext,
): Missing {
  if (old === undefined || allAccounted(old, pulls)) return nothingMissing
  const misses = new Map<string, number>()
  const awaited: PullState[] = []
  const given: PullState[] = []
  const endedIds = new Set(ended.map(pull => pull.id))
  for (const pull of old.pulls.values()) {
    if (pulls.has(pull.id) || endedIds.has(pull.id)) continue
    const count = (old.misses.get(pull.id) ?? 0) + 1
    if (count > unansweredReports && !holdEnds) {
      given.push(endUnknown(pull, look.atMs, 'the agent found no evidence of how it ended'))
    } else {
      misses.set(pull.id, count)
      awaited.push(pull)
    }
  }
  return { misses, awaited, given }
}

/** The end of a pull of which nobody can say how it went. Never a success, never a failure. */
export function endUnknown(pull: PullState, atMs: number, reason: string): PullState {
  const completedAtMs = Math.max(atMs, pull.startedAtMs)
  return {
    ...pull,
    phase: 'unknown',
    phaseStartedAtMs: { ...pull.phaseStartedAtMs, unknown: completedAtMs },
    completedAtMs,
    bytesPerSec: undefined,
    stalledSinceMs: undefined,
    error: pull.error ?? reason,
    errorCode: pull.errorCode ?? 'Unknown',
  }
}
