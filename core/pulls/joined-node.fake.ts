import assert from 'node:assert/strict'
import type { AgentReport, ReportedPull } from '../contract/agent-report.ts'
import { isTerminal, type TerminalPhase } from '../contract/words.ts'
import { context, epochMs, report } from './build.fake.ts'
import { joinPods } from './join.ts'
import { attemptsToLookUp } from './join-queued.ts'
import { dueOf, type KubeletState, noKubelet } from './kubelet-state.ts'
import { merge } from './merge.ts'
import type { NodeState } from './node.ts'
import type { PullState } from './pull.ts'
import type { NodeWaits, WaitingContainer } from './waiting.ts'

/** One node with its history and a reader who checks what every reader is promised. */
export class JoinedNode {
  state: NodeState | undefined
  kubelet: KubeletState = noKubelet
  everyNamespace = true
  agentAwaited = false
  containers: readonly WaitingContainer[] = []
  readonly history = new Map<string, PullState>()
  /** What a reader of all pulls holds. */
  readonly view = new Map<string, PullState>()
  readonly log: string[] = []
  readonly #ends = new Map<string, string>()
  readonly #starts = new Set<string>()
  #seq = 0
  #monotonicMs = 0

  report(pulls: readonly ReportedPull[], more: Partial<AgentReport> = {}): void {
    const sent = report(++this.#seq, pulls, { timestamp: new Date(this.#nowMs).toISOString(), ...more })
    const ends = new Map<string, TerminalPhase>()
    const unknowns = new Map<string, PullState>()
    for (const { id } of pulls) {
      const past = this.history.get(id)
      if (past === undefined || this.state?.pulls.has(id)) continue
      ends.set(id, past.phase as TerminalPhase)
      if (past.phase === 'unknown') unknowns.set(id, past)
    }
    const merged = merge(this.state, sent, context({ ends, unknowns, receivedAtMs: this.#nowMs }))
    assert.ok(merged.accepted)
    this.#join(merged.state.pulls, merged.changes, merged.ended, merged.state)
  }

  /** What the pods and the kubelet say now. */
  pods(...containers: readonly WaitingContainer[]): void {
    this.containers = containers
    this.#join(this.state?.pulls ?? new Map(), [], [], this.state)
  }

  /** Lets time pass until `seconds`, and what is due happens. */
  at(seconds: number): this {
    // In whole milliseconds, as a clock has them.
    const untilMs = Math.round(seconds * 1000)
    for (let turns = 0; dueOf(this.kubelet) <= untilMs; turns++) {
      assert.ok(turns < 1000, 'what is due is done')
      this.#monotonicMs = Math.max(this.#monotonicMs, dueOf(this.kubelet))
      this.#join(this.state?.pulls ?? new Map(), [], [], this.state)
    }
    this.#monotonicMs = untilMs
    return this
  }

  /** Live pulls, then ended ones. */
  get(id: string): PullState | undefined {
    return this.view.get(id) ?? this.history.get(id)
  }

  get #nowMs() {
    return epochMs + this.#monotonicMs
  }

  #join(
    pulls: ReadonlyMap<string, PullState>,
    changes: Parameters<typeof joinPods>[0]['changes'],
    ended: readonly PullState[],
    state: NodeState | undefined,
  ): void {
    const waits: NodeWaits = { containers: this.containers, everyNamespace: this.everyNamespace }
    const lookUp = attemptsToLookUp(this.kubelet, waits)
    const asked = new Set(lookUp.map(({ id }) => id))
    const past = { asked, told: new Set([...asked].filter(id => this.history.has(id))) }
    const moment = { nodeMs: this.#nowMs, monotonicMs: this.#monotonicMs, intervalMs: 2000 }
    const room = 1000
    const joined = joinPods({
      nodeName: 'node-a',
      pulls,
      changes,
      ended,
      kubelet: this.kubelet,
      waits,
      past,
      moment,
      holdEnds: false,
      agentAwaited: this.agentAwaited,
      room,
    })
    for (const pull of joined.ended) {
      assert.ok(isTerminal(pull.phase), 'only what has ended is stored')
      this.history.set(pull.id, pull)
    }
    this.kubelet = joined.kubelet
    this.state = state && { ...state, pulls: joined.pulls }
    for (const change of joined.changes) this.#read(change)
  }

  #read({ type, pull }: { readonly type: string; readonly pull: PullState }): void {
    this.log.push(`${type} ${pull.id.startsWith('q-') ? 'q' : pull.id.replace(/a+$/, '')} ${pull.phase}`)
    for (const id of pull.replaces ?? []) {
      this.view.delete(id)
      if (!this.#ends.has(id)) this.#ends.set(id, 'replaced')
    }
    if (type === 'pull.started') {
      assert.ok(!this.#starts.has(pull.id), `${pull.id} starts once`)
      this.#starts.add(pull.id)
    }
    assert.ok(this.#starts.has(pull.id), `${pull.id} starts before anything else`)
    if (type === 'pull.completed' || type === 'pull.failed') {
      const before = this.#ends.get(pull.id)
      // A pod that waited for another's pull may fail on its own after all.
      assert.ok(
        before === undefined || before === 'unknown' || before === 'replaced',
        `${pull.id} ends once, got '${before}' before`,
      )
      assert.equal(this.history.get(pull.id), pull, 'durable first, visible second')
      this.#ends.set(pull.id, pull.phase)
      this.view.delete(pull.id)
    } else if (isTerminal(pull.phase)) {
      if (type === 'pull.progress') assert.equal(this.history.get(pull.id), pull)
    } else {
      // What nobody knew the end of may go on.
      if (this.#ends.get(pull.id) === 'unknown') this.#ends.delete(pull.id)
      assert.ok(!this.#ends.has(pull.id), `${pull.id} does nothing after its end`)
      this.view.set(pull.id, pull)
    }
  }

  /** How many pulls have started and neither ended nor been replaced. */
  get open(): number {
    return [...this.#starts].filter(id => !this.#ends.has(id)).length
  }
}
