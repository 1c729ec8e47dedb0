import './async-dispose.ts'
import { formatPath } from '../../../core/rules/path.ts'
import { EventBufferFull, RuleFailed, SensorClosed, SensorOffline } from './errors.ts'
import { logState } from './log-state.ts'
import type { CheckOptions } from './options/check-options.ts'
import type { Metadata } from './options/metadata.ts'
import type { SensorOptions } from './options/options.ts'
import { parseOptions } from './options/parse-options.ts'
import type { BatchOutcome, FlushResult, Outcome, SensorState, SyncResult } from './outcome.ts'
import { createParts, type SensorParts } from './parts.ts'
import { RecordChecker } from './record-checker.ts'
import type { SensorStats } from './stats.ts'
import { statsOf } from './stats-of.ts'
import { runSyncLoop } from './sync/sync-loop.ts'

const closeDeadlineMs = 30_000
const nothing: FlushResult = Object.freeze({
  sent: 0,
  accepted: 0,
  duplicates: 0,
  rejected: 0,
  requeued: 0,
  dropped: 0,
  error: undefined,
})

export interface BatchOptions {
  /** Default true: the events are sent when the last record is checked, or a check throws. */
  readonly flush?: boolean
  /** For the events of each record. */
  readonly metadata?: Metadata
}

export type StateListener = (state: SensorState, before: SensorState) => void

/**
 * Checks records against rules that are kept in one place, and reports those that match. It lives as long as its job,
 * holds rules and unsent events in memory, and sends events only when told to: `flush`, `checkBatch`, `close`.
 */
export class Sensor implements AsyncDisposable {
  readonly #parts: SensorParts
  readonly #checker: RecordChecker
  readonly #listeners = new Set<StateListener>()
  readonly #syncing = new AbortController()
  #closing: Promise<FlushResult> | undefined

  private constructor(options: SensorOptions) {
    const settings = parseOptions(options)
    this.#parts = createParts(settings, options, (state, before, reason) => this.#changed(state, before, reason))
    this.#checker = new RecordChecker(this.#parts)
  }

  /**
   * Resolves when the first sync has ended, well or not.
   *
   * @throws ConfigError for options that cannot be used; SensorOffline when it is `fail-closed` and that sync failed.
   */
  static async open(options: SensorOptions = {}): Promise<Sensor> {
    const sensor = new Sensor(options)
    await sensor.#start()
    return sensor
  }

  get state(): SensorState {
    return this.#parts.rules.state
  }

  /**
   * Checks one record, at once and without I/O; events of what matched wait in the buffer. `metadata` goes with them;
   * a pair that must not be sent is left out with a warning.
   *
   * @throws RuleFailed when a rule with action `fail` matched, unless `raiseOnFail` is off; EventBufferFull when an
   * event did not fit; SensorOffline in `fail-closed` without rules; SensorClosed.
   */
  check(record: unknown, metadata?: Metadata, options?: CheckOptions): Outcome {
    this.#use()
    const { outcome, full } = this.#checker.check(record, metadata, options)
    this.#raise(outcome, full)
    return outcome
  }

  /** Checks records in order, then sends the events. Stops where `check` throws: that error carries the outcomes so far. */
  async checkBatch(records: Iterable<unknown>, { flush = true, metadata }: BatchOptions = {}): Promise<BatchOutcome> {
    this.#use()
    const outcomes: Outcome[] = []
    try {
      for (const record of records) {
        const { outcome, full } = this.#checker.check(record, metadata)
        outcomes.push(outcome)
        this.#raise(outcome, full, outcomes)
      }
    } catch (reason) {
      if (flush) await this.#parts.sender.flush()
      throw reason
    }
    return { outcomes, flush: flush ? await this.flush() : undefined }
  }

  /**
   * Sends what is in the buffer, or joins the flush that runs. Never rejects for what happens on the way: what could
   * not be sent waits for the next flush.
   */
  async flush(): Promise<FlushResult> {
    this.#use()
    return this.#parts.settings.disabled ? nothing : this.#parts.sender.flush()
  }

  /** Fetches the rules now, or joins the sync that runs. Never rejects for what happens on the way. */
  async sync(): Promise<SyncResult> {
    this.#use()
    const { settings, syncer } = this.#parts
    if (settings.disabled) return { ok: true, changed: false, etag: undefined, rules: 0, error: undefined }
    return syncer.sync(this.#syncing.signal)
  }

  /**
   * Adds to the metadata of every event from now on.
   *
   * @throws ConfigError, and adds nothing, when a pair must not be sent.
   */
  addMetadata(metadata: Metadata): void {
    this.#use()
    this.#checker.addMetadata(metadata)
  }

  /** Calls back after each change of state; what it returns ends that. */
  on(event: 'state', listener: StateListener): () => void {
    if (event !== 'state') throw new TypeError(`a sensor tells of 'state' only, not of '${event}'`)
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  stats(): SensorStats {
    return statsOf(this.#parts, this.#checker)
  }

  /** Stops syncing and sends what is in the buffer, for at most 30 seconds; what is unsent then is dropped. Idempotent. */
  close(): Promise<FlushResult> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<void> {
    const { settings, syncer, background, jitter, api } = this.#parts
    if (settings.disabled || settings.syncMode === 'manual') return
    const { signal } = this.#syncing
    const first = await syncer.sync(signal)
    if (!first.ok && settings.failureMode === 'fail-closed') {
      this.#closing = Promise.resolve(nothing)
      api.close()
      throw new SensorOffline(first.error ?? 'the first sync failed')
    }
    const sync = async () => {
      await syncer.sync(signal)
      this.#checker.reportConversions()
    }
    void runSyncLoop(background, jitter, () => syncer.pace(), sync, signal)
  }

  async #close(): Promise<FlushResult> {
    const { sender, sending, buffer, background, recorder, log, api } = this.#parts
    this.#syncing.abort()
    const done = new AbortController()
    background.sleep(closeDeadlineMs, done.signal).then(
      () => sending.abort(),
      () => {},
    )
    await sender.running
    const result = buffer.events === 0 ? nothing : await sender.flush()
    done.abort()
    this.#checker.reportConversions()
    const unsent = buffer.clear()
    if (unsent > 0) log.warn('events dropped, the sensor closed before they could be sent', { events: unsent })
    recorder.lose('closedUnsent', unsent)
    api.close()
    return { ...result, requeued: 0, dropped: result.dropped + unsent }
  }

  #use(): void {
    if (this.#closing) throw new SensorClosed()
  }

  #raise(outcome: Outcome, full: boolean, outcomes?: readonly Outcome[]): void {
    const overflow = full ? new EventBufferFull(outcome, outcomes) : undefined
    if (outcome.action === 'fail' && this.#parts.settings.raiseOnFail) {
      const match = outcome.matches.at(-1)!
      const what = `rule '${match.name}' failed the record at ${formatPath(match.matchedPath)}`
      // That the pipeline must stop is the more important of the two.
      throw new RuleFailed(what, outcome, outcomes, overflow)
    }
    if (overflow) throw overflow
  }

  #changed(state: SensorState, before: SensorState, reason: string): void {
    const { settings, log } = this.#parts
    logState(log, settings.failureMode, state, before, reason)
    for (const listener of this.#listeners) {
      try {
        listener(state, before)
      } catch (error) {
        // A fault in observation never breaks the pipeline.
        log.error('a listener for state failed', { error })
      }
    }
  }
}
