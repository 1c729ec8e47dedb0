import type { CheckOptions, FlushResult, Outcome, SensorState, SensorStats } from '../../../sdk/typescript/src/index.ts'

/** What the server asks of a sensor; the SDK's `Sensor` answers it. */
export interface PullSensor {
  readonly state: SensorState
  /** Synchronous, without I/O. Throws EventBufferFull, which carries the outcome. */
  check(record: unknown, metadata?: Readonly<Record<string, string>>, options?: CheckOptions): Outcome
  /** Never rejects: what cannot be sent is kept for the next one. */
  flush(): Promise<FlushResult>
  stats(): SensorStats
  /** Flushes once more, within the sensor's own deadline. */
  close(): Promise<unknown>
}
