import { randomBytes } from 'node:crypto'
import type { AgentReport, AgentReportAnswer, AwaitedPull, ReportedPull } from '../core/contract/agent-report.ts'
import type { Clock } from '../core/lib/clock.ts'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import type { Logger } from '../core/lib/log.ts'
import { answerAwaited } from './awaiting.ts'
import type { Delivery, ReportSink } from './deliver.ts'
import { logChanges } from './log-changes.ts'
import type { AgentMetrics } from './metrics.ts'
import { noPulls, stepPulls } from './pulls.ts'
import type { Readiness } from './readiness.ts'
import { buildReport } from './report.ts'
import type { PullSource } from './source.ts'
import { Terminals } from './terminals.ts'

export interface AgentParts {
  readonly nodeName: string
  readonly version: string
  /** Until the server says otherwise. */
  readonly reportIntervalMs: number
  readonly source: PullSource
  readonly sink: ReportSink
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: AgentMetrics
  readonly readiness: Readiness
  /** 0 to 1; spreads the looks and posts of many agents that were started or refused at once. */
  readonly random: () => number
}

/** Events come in bursts; a look this soon after another would see the same. */
const wakeGapMs = 100
/** A server that says "not before an hour" is asked again after this, since it may have been mended. */
const longestRetryMs = 60_000
/** kubelet and systemd give a program more than this to end. */
const lastReportMs = 3_000
/** Of which the last look may take this. */
const lastLookMs = 2_000

/**
 * Looks each interval, and reports what it sees, until the signal aborts; then it looks and reports
 * once more. A failed look or report is followed by the next, which is complete in itself.
 */
export async function runAgent(parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { clock, random } = parts
  // One wake-up is remembered while a look is on its way.
  let wake = Promise.withResolvers<void>()
  // An answer comes while the agent waits for its next look: it must not wait a long interval out to begin a short one.
  const agent = new Agent(parts, () => wake.resolve())
  const unsubscribe = parts.source.onWake(() => wake.resolve())
  while (!signal.aborted) {
    const startedMs = clock.monotonic()
    await agent.tick(signal)
    const tookMs = clock.monotonic() - startedMs
    // A look that takes longer than the interval makes the next one be skipped, never two at once.
    const restMs = agent.reportIntervalMs - (tookMs % agent.reportIntervalMs)
    const gapMs = Math.min(wakeGapMs, restMs)
    const rest = new AbortController()
    const done = AbortSignal.any([signal, rest.signal])
    await clock.sleep(gapMs, done).catch(() => {})
    const jitterMs = restMs * 0.02 * random()
    await Promise.race([clock.sleep(restMs - gapMs + jitterMs, done).catch(() => {}), wake.promise])
    rest.abort()
    wake = Promise.withResolvers<void>()
  }
  unsubscribe()
  await agent.close()
}

class Agent {
  readonly #parts: AgentParts
  readonly #intervalChanged: () => void
  readonly #terminals = new Terminals()
  readonly #runtimeLog
  readonly #serverLog
  #pulls = noPulls
  #active: readonly ReportedPull[] = []
  #epoch = newEpoch()
  #seq = 0
  #idleIntervalMs: number
  #posting: Promise<void> | undefined
  #postedMs = Number.NEGATIVE_INFINITY
  #refusedUntilMs = Number.NEGATIVE_INFINITY
  #known: ReadonlySet<string> = new Set()
  /** Pulls that go on, and that the server refuses to hear of. */
  readonly #leftOut = new Set<string>()
  #hasLooked = false
  reportIntervalMs: number

  constructor(parts: AgentParts, intervalChanged: () => void) {
    this.#parts = parts
    this.#intervalChanged = intervalChanged
    this.reportIntervalMs = parts.reportIntervalMs
    this.#idleIntervalMs = parts.reportIntervalMs
    this.#runtimeLog = logChanges(parts.log, 'containerd answers', 'containerd does not answer')
    this.#serverLog = logChanges(parts.log, 'server takes reports', 'server does not take reports')
  }

  /**
   * One look, and a report if one is due. The report goes on while later ticks look. While the runtime does not answer
   * it tells what was last seen: the node is there, its ends must reach the server, and no pull is missing.
   */
  async tick(signal: AbortSignal): Promise<void> {
    await this.#look()
    if (this.#posting || !this.#hasLooked || !this.#isDue()) return
    this.#posting = this.#post(signal).finally(() => {
      this.#posting = undefined
    })
  }

  /** What is known at the end must not be lost for want of one interval. */
  async close(): Promise<void> {
    const limit = AbortSignal.timeout(lastReportMs)
    const late = new Promise<void>(resolve => limit.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#posting, late])
    // A runtime that hangs must not take the time that the report needs.
    const looking = AbortSignal.timeout(lastLookMs)
    const enough = new Promise<void>(resolve => looking.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#look(), enough])
    if (this.#hasLooked && !limit.aborted) await this.#post(limit)
  }

  /** Until the first one that was answered there is nothing true to report: no pulls would mean that all have ended. */
  async #look(): Promise<void> {
    const { source, nodeName, metrics, clock } = this.#parts
    const startedMs = clock.monotonic()
    try {
      const { state, active, ended } = stepPulls(nodeName, this.#pulls, await source.look())
      this.#pulls = state
      this.#active = this.#leftOut.size === 0 ? active : this.#withoutLeftOut(active)
      for (const pull of ended) {
        this.#terminals.add(pull)
        this.#leftOut.delete(pull.id)
        metrics.ended(pull.phase)
      }
      metrics.looked((clock.monotonic() - startedMs) / 1000, active.length, this.#terminals)
      this.#parts.readiness.looked(this.reportIntervalMs)
      this.#runtimeLog.good({ version: source.runtime()?.version })
      this.#hasLooked = true
    } catch (reason) {
      const error = PulltraceError.from(reason)
      metrics.lookFailed(error.code)
      this.#runtimeLog.bad(error.code, { error: error.message, fix: error.details.fix })
    }
  }

  #isDue(): boolean {
    const now = this.#parts.clock.monotonic()
    if (now < this.#refusedUntilMs) return false
    const pulling = this.#active.length > 0 || this.#terminals.size > 0
    // The first sign of a pull, and its end, are told at once.
    if (pulling && this.#active.some(({ id }) => !this.#known.has(id))) return true
    if (this.#active.length < this.#known.size) return true
    const intervalMs = pulling ? this.reportIntervalMs : this.#idleIntervalMs
    // Looks are a little early or late; a tenth of an interval does not make a report wait for the next look.
    return now - this.#postedMs >= intervalMs - this.reportIntervalMs / 10
  }

  async #post(signal: AbortSignal): Promise<void> {
    const { nodeName, version, source, sink, clock, metrics } = this.#parts
    const head = {
      nodeName,
      timestamp: new Date(clock.now()).toISOString(),
      agent: { version, epoch: this.#epoch, seq: ++this.#seq },
      runtime: source.runtime(),
    }
    const { report, terminals } = buildReport(head, this.#active, this.#terminals)
    this.#known = new Set(this.#active.map(({ id }) => id))
    this.#postedMs = clock.monotonic()
    const delivery = await sink.deliver(report, signal)
    metrics.delivered(delivery.outcome, (clock.monotonic() - this.#postedMs) / 1000)
    if (delivery.outcome === 'answered') await this.#take(delivery.answer, terminals)
    else if (!signal.aborted) {
      if (delivery.outcome === 'refused' && delivery.status === 400) this.#leaveOut(report, delivery)
      this.#backOff(delivery)
    }
  }

  /**
   * A pull that this server takes for wrong would have it refuse every report of the node, for as long as the pull is
   * in them: the others are told without it. Its end is tried again, as it may say less.
   */
  #leaveOut(report: AgentReport, { path, message }: { readonly path: string | undefined; readonly message: string }) {
    const index = /^pulls\[(\d+)\]/.exec(path ?? '')?.[1]
    const pull = index === undefined ? undefined : report.pulls[Number(index)]
    if (pull === undefined) return
    const { log, metrics } = this.#parts
    if (this.#terminals.has(pull.id)) this.#terminals.forget(pull.id)
    else this.#leftOut.add(pull.id)
    this.#active = this.#withoutLeftOut(this.#active)
    metrics.leftOut()
    log.error('pull left out, the server refuses reports with it', {
      id: pull.id,
      image: pull.imageRef,
      error: message,
    })
  }

  #withoutLeftOut(active: readonly ReportedPull[]): readonly ReportedPull[] {
    return active.filter(({ id }) => !this.#leftOut.has(id))
  }

  async #take(answer: AgentReportAnswer, terminals: readonly ReportedPull[]): Promise<void> {
    this.#serverLog.good({})
    const beforeMs = this.reportIntervalMs
    this.reportIntervalMs = withinMs(answer.reportIntervalMs)
    this.#idleIntervalMs = withinMs(answer.idleReportIntervalMs)
    if (this.reportIntervalMs !== beforeMs) this.#intervalChanged()
    if (!answer.accepted) {
      // Another life of this agent has reported since; as a new epoch this one supersedes it.
      this.#epoch = newEpoch()
      this.#seq = 0
      return
    }
    if (answer.acknowledged) this.#terminals.acknowledge(terminals)
    for (const awaited of answer.awaiting) if (!(await this.#answer(awaited))) return
  }

  /** False when the runtime does not answer. Then it is not asked for the rest: each would take its deadline, and the next report waits. */
  async #answer(awaited: AwaitedPull): Promise<boolean> {
    const { source, clock, log } = this.#parts
    const mine = () =>
      this.#terminals.has(awaited.id) ||
      this.#leftOut.has(awaited.id) ||
      this.#active.some(({ id }) => id === awaited.id)
    if (mine()) return true
    try {
      const pull = await answerAwaited(awaited, source, clock.now())
      if (!mine()) this.#terminals.add(pull)
      return true
    } catch (error) {
      // The server asks again with its next answer.
      log.debug('awaited pull not looked up', { id: awaited.id, error })
      const { code } = PulltraceError.from(error)
      return code !== Code.Timeout && code !== Code.Unavailable
    }
  }

  #backOff(delivery: Exclude<Delivery, { outcome: 'answered' }>): void {
    const { clock, random } = this.#parts
    const reason = delivery.outcome === 'refused' ? `status ${delivery.status}` : 'unreachable'
    this.#serverLog.bad(reason, { reason, error: delivery.message })
    const asked = delivery.outcome === 'refused' ? (delivery.retryAfterMs ?? 0) : 0
    const waitMs = Math.min(asked, longestRetryMs) + random() * this.reportIntervalMs
    this.#refusedUntilMs = clock.monotonic() + (asked > 0 ? waitMs : random() * this.reportIntervalMs)
  }
}

/** What PulltraceConfig allows. A timer that is told more than 24 days fires at once, and so on for ever. */
const withinMs = (intervalMs: number) => Math.min(Math.max(intervalMs, 100), 300_000)

const newEpoch = () => randomBytes(12).toString('base64url')
