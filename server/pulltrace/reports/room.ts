import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { layerCountOf } from '../../../core/pulls/layers.ts'
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
    const more = growthOf(old, state)
    this.#pulls += more.pulls
    this.#layers += more.layers
  }

  /** Throws Code.Exhausted where the node would be one too many. Costs nothing, so it comes before all work for a report. */
  checkNode(nodes: number, old: NodeState | undefined): void {
    const { maxNodes } = this.#limits
    if (old === undefined && nodes >= maxNodes) throw exhausted('nodes', maxNodes, 'PULLTRACE_MAX_NODES')
  }

  /**
   * Throws Code.Exhausted where `state` needs more room than there is; what needs no more than `old` is taken. Reports whose
   * ends are being stored are not counted yet: so many may come on top.
   */
  check(old: NodeState | undefined, state: NodeState): void {
    const { maxLivePulls, maxLiveLayers } = this.#limits
    const more = growthOf(old, state)
    if (more.pulls > 0 && this.#pulls + more.pulls > maxLivePulls) {
      throw exhausted('live pulls', maxLivePulls, 'PULLTRACE_MAX_LIVE_PULLS')
    }
    if (more.layers > 0 && this.#layers + more.layers > maxLiveLayers) {
      throw exhausted('layers of live pulls', maxLiveLayers, 'PULLTRACE_MAX_LIVE_LAYERS')
    }
  }
}

function growthOf(old: NodeState | undefined, state: NodeState): Size {
  return { pulls: state.pulls.size - (old?.pulls.size ?? 0), layers: layersIn(state) - layersIn(old) }
}

function layersIn(node: NodeState | undefined): number {
  let layers = 0
  for (const pull of node?.pulls.values() ?? []) layers += layerCountOf(pull.layers)
  return layers
}

function exhausted(what: string, bound: number, setting: string): PulltraceError {
  return new PulltraceError(Code.Exhausted, `the server knows ${bound} ${what}, as many as it may`, {
    fix: `raise ${setting} and the memory of the server`,
    bound: String(bound),
    retryAfterSeconds: 30,
  })
}
