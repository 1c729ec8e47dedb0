import type { AgentReport, AgentReportAnswer, AgentReportV1 } from '../../../core/contract/agent-report.ts'
import type { NodeView } from '../../../core/contract/api.ts'
import { isTerminal } from '../../../core/contract/words.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { Moment, Past as PastAttempts } from '../../../core/pulls/join-input.ts'
import { idsToLookUp, type MergeContext, type Merged, merge } from '../../../core/pulls/merge.ts'
import type { NodeState } from '../../../core/pulls/node.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { endsAtServerStop } from '../../../core/pulls/server-stop.ts'
import { sweep } from '../../../core/pulls/sweep.ts'
import type { HistoryStore } from '../../store/store.ts'
import { Ends, noPast, type Past } from './ends.ts'
import { KeyedQueue } from './keyed-queue.ts'
import { nodeViewOf } from './node-view.ts'
import { type JoinedMerge, nothingPast, type PodJoin } from './pod-join.ts'
import { judged, type PullRules } from './pull-rules.ts'
import { Room, type RoomLimits } from './room.ts'

export interface IntakeParts {
  readonly history: Pick<HistoryStore, 'append' | 'endsOf' | 'get'>
  /** Where changes become visible. Called only once they are safe. */
  readonly publish: (changes: readonly PullChange[]) => void
  /** The intervals in force; read for each report, so a change needs no restart. */
  readonly intervals: () => { readonly reportIntervalMs: number; readonly idleReportIntervalMs: number }
  readonly limits: IntakeLimits
  /** Where pods are watched: who waits for what, and what only the kubelets know. */
  readonly pods?: PodJoin | undefined
  /** Where pulls are judged by rules. */
  readonly rules?: PullRules | undefined
  readonly clock: Clock
  readonly log: Logger
}

export interface IntakeLimits extends RoomLimits {
  /** A node that is silent for longer is forgotten. Milliseconds. */
  readonly forgetNodeAfterMs: number
}

/** How long ends that cannot be stored wait to be tried again. It doubles from one to the other. Milliseconds. */
const joinAgainMs = { first: 250, longest: 5000 }

type Report = AgentReport | AgentReportV1
/** A merge with what pods add to it. */
type Step = Merged & { readonly joined?: JoinedMerge }

/**
 * Where reports become state: look up, merge, store what ended, then keep the state
 * and publish. Reports of one node are taken one after the other. The common report,
 * which ends nothing and brings nothing new, never waits.
 */
export class Intake {
  readonly #parts: IntakeParts
  readonly #nodes = new Map<string, NodeState>()
  readonly #queue = new KeyedQueue()
  readonly #views = new WeakMap<NodeState, NodeView>()
  readonly #room: Room
  /** Nodes whose pods wait to be joined. */
  readonly #joining = new Set<string>()
  readonly #ends: Ends
  #fetchedBytes = 0
  #joinAgainMs = joinAgainMs.first
  /** Monotonic ms. */
  #joinAgainAtMs = 0

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#room = new Room(parts.limits)
    this.#ends = new Ends(parts)
  }

  /** Throws Code.Exhausted, with nothing changed, when the server knows as many nodes or pulls as it may. */
  accept(report: Report): AgentReportAnswer | Promise<AgentReportAnswer> {
    const name = report.nodeName
    if (this.#queue.idle(name)) {
      const old = this.#nodes.get(name)
      this.#room.checkNode(this.#nodes.size, old)
      if (idsToLookUp(old, report).length === 0 && !this.#parts.pods?.asksHistory(name)) {
        const merged = this.#join(this.#merge(old, report, noPast), nothingPast, false)
        if (merged.ended.length === 0) return this.#keep(old, this.#judge(old, merged), report, noPast)
      }
    }
    return this.#queue.run(name, () => this.#acceptSlowly(report))
  }

  nodes(): NodeView[] {
    return [...this.#nodes.values()].map(node => this.#viewOf(node))
  }

  nodeView(name: string): NodeView | undefined {
    const node = this.#nodes.get(name)
    return node && this.#viewOf(node)
  }

  /** Without what their views cost: sums over every layer. */
  nodeNames(): string[] {
    return [...this.#nodes.keys()]
  }

  /** Counts for metrics. */
  counts() {
    let staleNodes = 0
    for (const node of this.#nodes.values()) if (node.stale) staleNodes++
    const { livePulls } = this.#room
    return { nodes: this.#nodes.size, staleNodes, livePulls, fetchedBytes: this.#fetchedBytes }
  }

  /** What time does: stale nodes, pulls given up, nodes forgotten. To be called about once a second. */
  async sweep(): Promise<void> {
    const nowMs = this.#parts.clock.monotonic()
    const due = [...this.#nodes.values()].filter(
      node => sweep(node, nowMs) !== undefined || this.#forgotten(node, nowMs),
    )
    await Promise.all(due.map(({ nodeName }) => this.#queue.run(nodeName, () => this.#sweepNode(nodeName))))
  }

  /** To be called when pods of a node, or what its kubelet says of them, have changed. */
  podsChanged(nodeName: string): void {
    const { pods, log } = this.#parts
    if (pods === undefined || this.#joining.has(nodeName)) return
    this.#joining.add(nodeName)
    const join = () => {
      this.#joining.delete(nodeName)
      return this.#joinNode(pods, nodeName)
    }
    this.#queue.run(nodeName, join).catch(error => log.error('pods not joined', { node: nodeName, error }))
  }

  /** What time does to what kubelets told: ends that waited long enough. To be called a few times a second. */
  joinDue(): void {
    const { clock, pods } = this.#parts
    if (pods === undefined) return
    const nowMs = clock.monotonic()
    const failing = this.#ends.failing || pods.unsettled
    if (!failing) this.#joinAgainMs = joinAgainMs.first
    else if (nowMs < this.#joinAgainAtMs) return
    const due = pods.due(nowMs)
    for (const name of due) this.podsChanged(name)
    // What cannot be stored stays due, on every node that has such.
    if (!failing || due.length === 0) return
    this.#joinAgainMs = Math.min(2 * this.#joinAgainMs, joinAgainMs.longest)
    this.#joinAgainAtMs = nowMs + this.#joinAgainMs
  }

  /**
   * For a server that stops, once it takes no more reports: finishes those being taken and stores what has not ended.
   * Nothing of that is published: for readers these pulls go on, here or with the next server.
   */
  async close(): Promise<void> {
    await this.#queue.settled()
    const nowMs = this.#parts.clock.monotonic()
    const { rules } = this.#parts
    const ended = [...this.#nodes.values()].flatMap(node => endsAtServerStop(node, nowMs))
    const shown = ended.filter(({ id }) => !rules?.hasDropped(id))
    await this.#ends.storeLast(shown.map(pull => rules?.marked(pull) ?? pull))
  }

  async #acceptSlowly(report: Report): Promise<AgentReportAnswer> {
    const old = this.#nodes.get(report.nodeName)
    this.#room.checkNode(this.#nodes.size, old)
    const past = await this.#ends.lookUp(idsToLookUp(old, report))
    const told = (await this.#parts.pods?.pastEnds(report.nodeName)) ?? nothingPast
    const merged = this.#judge(old, this.#join(this.#merge(old, report, past), told, past.holdEnds))
    if (await this.#ends.store(merged.ended)) return this.#keep(old, merged, report, past)
    const held = { ...past, holdEnds: true }
    const without = this.#join(this.#merge(old, report, held), told, true)
    return this.#keep(old, this.#judge(old, without), report, held)
  }

  /** Throws Code.Exhausted when there is no room for what comes of it. */
  #merge(old: NodeState | undefined, report: Report, past: Past): Merged {
    const merged = merge(old, report, this.#context(past))
    this.#room.check(old, merged.state)
    return merged
  }

  #join(merged: Merged, past: PastAttempts, holdEnds: boolean): Step {
    const { pods } = this.#parts
    if (pods === undefined || !merged.accepted) return merged
    const { state, changes, ended } = merged
    const joined = pods.join(
      state.nodeName,
      { pulls: state.pulls, changes, ended },
      past,
      this.#momentOf(state),
      holdEnds,
    )
    const kept = joined.pulls === state.pulls ? state : { ...state, pulls: joined.pulls }
    return { ...merged, state: kept, changes: joined.changes, ended: joined.ended, joined }
  }

  #judge<S extends Pick<Merged, 'changes' | 'ended'>>(old: NodeState | undefined, step: S): S {
    return judged(this.#parts.rules, old?.pulls, step)
  }

  async #joinNode(pods: PodJoin, name: string): Promise<void> {
    const past = await pods.pastEnds(name)
    const old = this.#nodes.get(name)
    const before = { pulls: old?.pulls ?? new Map(), changes: [], ended: [] }
    const join = (holdEnds: boolean) => this.#judge(old, pods.join(name, before, past, this.#momentOf(old), holdEnds))
    let joined = join(false)
    if (!(await this.#ends.store(joined.ended))) joined = join(true)
    pods.keep(name, joined)
    if (old !== undefined && joined.pulls !== old.pulls) this.#replace(old, { ...old, pulls: joined.pulls })
    if (joined.changes.length > 0) this.#parts.publish(joined.changes)
  }

  /** Sums over every layer, so they are made once: what rules drop changes with the state only. */
  #viewOf(node: NodeState): NodeView {
    const known = this.#views.get(node)
    if (known !== undefined) return known
    const { rules } = this.#parts
    const view = nodeViewOf(node, id => rules?.hasDropped(id) === true)
    this.#views.set(node, view)
    return view
  }

  #momentOf(node: NodeState | undefined): Moment {
    const { clock, intervals } = this.#parts
    const monotonicMs = clock.monotonic()
    return {
      // The skew is to what our clock showed at the last report; it may have been set since.
      nodeMs: node === undefined ? clock.now() : node.receivedAtMs + node.clockSkewMs + (monotonicMs - node.heardAtMs),
      monotonicMs,
      intervalMs: node === undefined || node.stale ? 0 : intervals().reportIntervalMs,
    }
  }

  async #sweepNode(name: string): Promise<void> {
    const nowMs = this.#parts.clock.monotonic()
    const old = this.#nodes.get(name)
    if (old === undefined) return
    const due = sweep(old, nowMs)
    const swept = due && this.#judge(old, due)
    if (swept !== undefined && (await this.#ends.store(swept.ended))) {
      this.#replace(old, swept.state)
      this.#parts.publish(swept.changes)
    }
    const now = this.#nodes.get(name)
    if (now !== undefined && this.#forgotten(now, nowMs)) this.#nodes.delete(name)
  }

  #forgotten(node: NodeState, nowMs: number): boolean {
    return node.pulls.size === 0 && nowMs - node.heardAtMs > this.#parts.limits.forgetNodeAfterMs
  }

  #keep(old: NodeState | undefined, merged: Step, report: Report, { holdEnds }: Past): AgentReportAnswer {
    const { reportIntervalMs, idleReportIntervalMs } = this.#parts.intervals()
    if (!merged.accepted) {
      return {
        accepted: false,
        reason: 'stale',
        acknowledged: false,
        reportIntervalMs,
        idleReportIntervalMs,
        awaiting: [],
      }
    }
    this.#replace(old, merged.state)
    this.#fetchedBytes += merged.fetchedBytes
    if (merged.joined !== undefined) this.#parts.pods?.keep(report.nodeName, merged.joined)
    if (merged.changes.length > 0) this.#parts.publish(merged.changes)
    return {
      accepted: true,
      acknowledged: !holdEnds || !bringsEnds(report),
      reportIntervalMs,
      idleReportIntervalMs,
      awaiting: merged.awaiting.map(awaitedOf),
    }
  }

  #replace(old: NodeState | undefined, state: NodeState): void {
    this.#room.replaced(old, state)
    this.#nodes.set(state.nodeName, state)
  }

  #context({ ends, unknowns, holdEnds }: Past): MergeContext {
    const { reportIntervalMs, idleReportIntervalMs } = this.#parts.intervals()
    const { clock } = this.#parts
    const moment = { receivedAtMs: clock.now(), heardAtMs: clock.monotonic() }
    return { ...moment, reportIntervalMs, idleReportIntervalMs, ends, unknowns, holdEnds }
  }
}

const awaitedOf = (pull: PullState) => ({
  id: pull.id,
  imageRef: pull.imageRef,
  ...(pull.digest !== undefined && { digest: pull.digest }),
  startedAt: new Date(pull.startedAtMs).toISOString(),
})

/** v1 agents keep nothing until it is acknowledged. */
const bringsEnds = (report: Report) => report.pulls.some(pull => 'phase' in pull && isTerminal(pull.phase))
