import { type AgentReport, type AgentReportV1, isV1 } from '../../../core/contract/agent-report.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { NodeState } from '../../../core/pulls/node.ts'

export interface RoomLimits {
  readonly maxNodes: number
  readonly maxLivePulls: number
  /** Of all live pulls together: one pull may have one or thousands, and layers are what memory goes into. */
  readonly maxLiveLayers: number
}

interface Size {
  readonly pulls: number
  readonly layers: number
}

const nothing: Size = { pulls: 0, layers: 0 }

/** What the nodes hold together, against what the server may hold. Ends go to the disk and need no room. */
export class Room {
  readonly #limits: RoomLimits
  #pulls = 0
  #layers = 0

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  get livePulls(): number {
    return this.#pulls
  }

  /** To be told of each state that takes the place of another. */
  replaced(old: NodeState | undefined, state: NodeState): void {
    const before = sizeOf(old)
    const after = sizeOf(state)
    this.#pulls += after.pulls - before.pulls
    this.#layers += after.layers - before.layers
  }

  /** Throws Code.Exhausted when the report needs more room than there is; one that needs no more is always taken. */
  check(nodes: number, old: NodeState | undefined, report: AgentReport | AgentReportV1): void {
    const { maxNodes, maxLivePulls, maxLiveLayers } = this.#limits
    if (old === undefined && nodes >= maxNodes) throw exhausted('nodes', maxNodes, 'PULLTRACE_MAX_NODES')
    const more = growthOf(old, report)
    if (more.pulls > 0 && this.#pulls + more.pulls > maxLivePulls) {
      throw exhausted('live pulls', maxLivePulls, 'PULLTRACE_MAX_LIVE_PULLS')
    }
    if (more.layers > 0 && this.#layers + more.layers > maxLiveLayers) {
      throw exhausted('layers of live pulls', maxLiveLayers, 'PULLTRACE_MAX_LIVE_LAYERS')
    }
  }
}

function sizeOf(node: NodeState | undefined): Size {
  if (node === undefined) return nothing
  let layers = 0
  for (const pull of node.pulls.values()) layers += pull.layers.length
  return { pulls: node.pulls.size, layers }
}

/** At most what the report adds. A live pull that it lacks stays for a while and makes no room. */
function growthOf(old: NodeState | undefined, report: AgentReport | AgentReportV1): Size {
  let pulls = 0
  let layers = 0
  if (isV1(report)) {
    // Whatever a v1 report lacks has ended.
    const before = sizeOf(old)
    for (const pull of report.pulls) layers += pull.layers.length
    return { pulls: report.pulls.length - before.pulls, layers: layers - before.layers }
  }
  for (const pull of report.pulls) {
    if (isTerminal(pull.phase)) continue
    const known = old?.pulls.get(pull.id)
    if (known === undefined) pulls++
    layers += Math.max(0, pull.layers.length - (known?.layers.length ?? 0))
  }
  return { pulls, layers }
}

function exhausted(what: string, bound: number, setting: string): PulltraceError {
  return new PulltraceError(Code.Exhausted, `the server knows ${bound} ${what}, as many as it may`, {
    fix: `raise ${setting} and the memory of the server`,
    bound: String(bound),
    retryAfterSeconds: 30,
  })
}
