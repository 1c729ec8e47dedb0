import type { Clock } from '../../../core/lib/clock.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { Lru } from '../../../core/lib/lru.ts'

const toleratedMs = 100
const logEveryMs = 600_000
const maxSensors = 10_000

/** Tells of sensors whose clock is another one. Their events are ordered by ours. */
export class ClockDrift {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #counted: () => void
  readonly #loggedMs = new Lru<string, number>(maxSensors)

  constructor(clock: Clock, log: Logger, counted: () => void) {
    this.#clock = clock
    this.#log = log
    this.#counted = counted
  }

  note(sensorId: string, clientMs: number, nowMs: number): void {
    const driftMs = clientMs - nowMs
    if (Math.abs(driftMs) <= toleratedMs) return
    this.#counted()
    const atMs = this.#clock.monotonic()
    const loggedMs = this.#loggedMs.get(sensorId)
    if (loggedMs !== undefined && atMs - loggedMs < logEveryMs) return
    this.#loggedMs.set(sensorId, atMs)
    this.#log.warn('clock of a sensor differs', { sensorId, driftMs })
  }
}
