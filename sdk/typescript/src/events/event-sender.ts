import { status } from '@grpc/grpc-js'
import type { Clock } from '../../../../core/lib/clock.ts'
import type { ServerLimits } from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { CallFailure } from '../api/call-failure.ts'
import { delayAfter, failureOf, pause } from '../api/retry.ts'
import { durationMs } from '../api/retry-info.ts'
import type { SensorApi } from '../api/sensor-api.ts'
import type { Logger } from '../logger.ts'
import type { FlushResult } from '../outcome.ts'
import { type ChunkLimits, takeChunk } from './chunk.ts'
import type { BufferedEvent, EventBuffer } from './event-buffer.ts'
import { FlushTally } from './flush-tally.ts'
import { judgeAnswer, type Verdict } from './judge-answer.ts'
import { headOf, requestOf, type Sender } from './request.ts'

const tryDeadlineMs = 30_000
const retryPolicy = { backoffMs: [1_000, 2_000, 4_000], maxServerDelayMs: 30_000, whenExhausted: true }
/** However much the server takes: a request must get through within its deadline on a line of 5 Mbit/s. */
const maxRequestBytes = 16_000_000
/** Until the server has said what it takes. */
const firstLimits = { maxRequestBytes: 4_000_000, maxEventsPerRequest: 1_000 }

export interface SenderParts {
  readonly api: SensorApi
  readonly buffer: EventBuffer
  readonly sender: Sender
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  /** Aborted when what is unsent is to be given up. */
  readonly signal: AbortSignal
  readonly onLimits: (limits: ServerLimits) => void
  readonly onFlushed: (tally: FlushTally) => void
}

/** Sends what is in the buffer, oldest first, one request after the other. */
export class EventSender {
  readonly #parts: SenderParts
  #limits: Pick<ServerLimits, 'maxRequestBytes' | 'maxEventsPerRequest'> = firstLimits
  /** The server wishes for no call before. */
  #earliestMs = 0
  #running: Promise<FlushResult> | undefined

  constructor(parts: SenderParts) {
    this.#parts = parts
  }

  /** What the server takes in one request; 0 means that it does not say. */
  limit(told: ServerLimits): void {
    this.#limits = {
      maxRequestBytes: Math.min(told.maxRequestBytes || firstLimits.maxRequestBytes, maxRequestBytes),
      maxEventsPerRequest: told.maxEventsPerRequest || firstLimits.maxEventsPerRequest,
    }
  }

  /** Sends what is in the buffer now; joins the flush that runs already. Never rejects. */
  flush(): Promise<FlushResult> {
    this.#running ??= this.#flush().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** The flush that runs, if one does. */
  get running(): Promise<FlushResult> | undefined {
    return this.#running
  }

  async #flush(): Promise<FlushResult> {
    const { buffer, log, onFlushed } = this.#parts
    const tally = new FlushTally()
    // Events that come in the meantime are for the next flush.
    let left = buffer.events
    let maxEvents = Number.POSITIVE_INFINITY
    while (left > 0 && !tally.stopped) {
      const chunk = this.#take(Math.min(left, maxEvents))
      const unsent = await this.#send(chunk, tally)
      left -= chunk.length - unsent.length
      if (tally.refused && unsent.length === 1) {
        tally.dropLarge()
        left--
        maxEvents = Number.POSITIVE_INFINITY
      } else {
        // Refused for its size: its first half is next.
        if (tally.refused) maxEvents = Math.ceil(unsent.length / 2)
        else tally.stopped = unsent.length > 0
        const dropped = buffer.putBack(unsent)
        tally.dropped += dropped
        left -= dropped
      }
      tally.refused = false
    }
    tally.requeued = left
    tally.report(log)
    onFlushed(tally)
    return tally.result()
  }

  #take(maxEvents: number): BufferedEvent[] {
    const { buffer, sender, clock } = this.#parts
    const headBytes = headOf(sender, buffer.peek()!.shared, clock.now()).byteLength
    const limits: ChunkLimits = {
      maxEvents: Math.min(maxEvents, this.#limits.maxEventsPerRequest),
      maxBytes: this.#limits.maxRequestBytes - headBytes,
    }
    return takeChunk(buffer, limits)
  }

  /** Sends one chunk, again if that can help. Returns the events that are still the sensor's. */
  async #send(chunk: readonly BufferedEvent[], tally: FlushTally): Promise<readonly BufferedEvent[]> {
    const { clock, random, signal } = this.#parts
    let events = chunk
    for (let tries = 1; ; tries++) {
      let failure: CallFailure
      try {
        const verdict = await this.#report(events)
        tally.add(events.length, verdict)
        this.#heed(verdict)
        events = verdict.again
        if (events.length === 0) return events
        failure = new CallFailure(status.UNAVAILABLE, `the server could not store: ${verdict.againReason}`)
      } catch (reason) {
        failure = failureOf(reason)
        if (failure.tooLarge) {
          tally.refused = true
          return events
        }
      }
      const waitMs = signal.aborted ? undefined : delayAfter(failure, tries, retryPolicy, random)
      if (waitMs === undefined) {
        tally.error = failure.message
        return events
      }
      await pause(clock, waitMs, signal)
    }
  }

  async #report(events: readonly BufferedEvent[]): Promise<Verdict> {
    const { api, sender, clock, signal } = this.#parts
    const earlyMs = this.#earliestMs - clock.monotonic()
    if (earlyMs > 0) await pause(clock, earlyMs, signal)
    const request = requestOf(headOf(sender, events[0]!.shared, clock.now()), events)
    const { body } = await api.reportEvents(request, { deadlineMs: tryDeadlineMs, signal })
    try {
      return judgeAnswer(body, events)
    } catch (reason) {
      const why = `reportEvents answered what cannot be used: ${(reason as Error).message}`
      throw new CallFailure(status.INTERNAL, why, undefined, reason)
    }
  }

  #heed({ answer }: Verdict): void {
    const { clock, onLimits } = this.#parts
    if (answer.limits) onLimits(answer.limits)
    const waitMs = answer.retryAfter ? Math.min(durationMs(answer.retryAfter), retryPolicy.maxServerDelayMs) : 0
    this.#earliestMs = clock.monotonic() + waitMs
  }
}
