import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../../core/lib/clock.ts'

/** The system's clock for what goes on in the background: a job that is done must not be held by its sensor. */
export const backgroundClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => delay(ms, undefined, signal ? { signal, ref: false } : { ref: false }),
}
