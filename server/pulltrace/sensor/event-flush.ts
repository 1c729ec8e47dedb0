import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { PullSensor } from './pull-sensor.ts'

export interface EventFlushParts {
  readonly sensor: PullSensor
  /** Events that the sensor's buffer holds. */
  readonly bufferEvents: number
  readonly clock: Clock
  readonly log: Logger
}

const flushEveryMs = 1000
/** After events could not be sent; the sensor has tried several times by then. Milliseconds. */
const againAfterMs = 5000
/** Whoever stops the server kills it after a while. Milliseconds. */
const closeWithinMs = 5000

/** Sends what rules have to report: each second, and at once when the buffer is half full. A sensor itself never does. */
export class EventFlush {
  readonly #parts: EventFlushParts
  #flushing: Promise<void> | undefined
  #failing = false

  constructor(parts: EventFlushParts) {
    this.#parts = parts
  }

  /** To be called after checks that matched. */
  recorded(): void {
    const { sensor, bufferEvents } = this.#parts
    if (!this.#failing && sensor.stats().events.buffered * 2 >= bufferEvents) void this.flush()
  }

  /** Resolves when what was in the buffer is sent, or could not be. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Lives until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, sensor } = this.#parts
    while (!signal.aborted) {
      // The only rejection is the abort itself.
      await clock.sleep(this.#failing ? againAfterMs : flushEveryMs, signal).catch(() => {})
      if (!signal.aborted && sensor.stats().events.buffered > 0) await this.flush()
    }
  }

  /** Sends what is left, as far as there is time. */
  async close(): Promise<void> {
    const { clock, sensor, log } = this.#parts
    const timer = new AbortController()
    const late = clock.sleep(closeWithinMs, timer.signal).then(
      () => true,
      () => false,
    )
    const closed = sensor.close().then(
      () => false,
      error => {
        log.warn('sensor not closed', { error })
        return false
      },
    )
    if (await Promise.race([closed, late])) {
      log.warn('events of rules not sent: no time is left', { events: sensor.stats().events.buffered })
    }
    timer.abort()
  }

  async #flush(): Promise<void> {
    const { sensor, log } = this.#parts
    const { error, requeued, dropped } = await sensor.flush()
    if (error !== undefined && !this.#failing) log.warn('events of rules not sent', { requeued, dropped, error })
    if (error === undefined && this.#failing) log.info('events of rules are sent again')
    this.#failing = error !== undefined
  }
}
