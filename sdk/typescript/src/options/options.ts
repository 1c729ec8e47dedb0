import type { Clock } from '../../../../core/lib/clock.ts'
import type { Logger } from '../logger.ts'

export const failureModes = ['fail-safe', 'fail-closed', 'fail-open-with-cache'] as const
/**
 * What holds while the server cannot be reached. `fail-safe`: records pass, unchecked. `fail-closed`: every check
 * throws. `fail-open-with-cache`: the rules fetched last hold for `cacheTtl`, then records pass.
 */
export type FailureMode = (typeof failureModes)[number]

export const syncModes = ['background', 'manual'] as const
/** `background`: at the start, then each `syncInterval`. `manual`: only when `sync()` is called. */
export type SyncMode = (typeof syncModes)[number]

/** `30s`, `5m`, `1500ms`, or seconds. */
export type DurationOption = string | number

/** Every option has an environment variable beside it; what is given here wins. */
export interface SensorOptions {
  /** TK_API_URL, default http://127.0.0.1:50051; https means TLS. */
  readonly apiUrl?: string | undefined
  /** TK_API_KEY; must be set, unless the sensor is disabled. */
  readonly apiKey?: string | undefined
  /** TK_TAGS, separated by commas: which rules apply. At most 64. */
  readonly tags?: readonly string[] | undefined
  /** TK_META_NAME for `name`: goes with every event. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** TK_SYNC_INTERVAL, default 30s, 5s to 24h; each wait is 10 % shorter to 10 % longer. */
  readonly syncInterval?: DurationOption | undefined
  /** TK_SYNC_MODE, default `background`. */
  readonly syncMode?: SyncMode | undefined
  /** TK_FAILURE_MODE, default `fail-safe`. */
  readonly failureMode?: FailureMode | undefined
  /** TK_CACHE_TTL, default 5m: for `fail-open-with-cache`, counted from the last successful sync. */
  readonly cacheTtl?: DurationOption | undefined
  /** TK_OVERFLOW; only `error` so far: a check whose event does not fit throws EventBufferFull. */
  readonly overflow?: 'error' | undefined
  /** TK_BUFFER_EVENTS, default 10,000. */
  readonly bufferEvents?: number | undefined
  /** TK_BUFFER_BYTES, default 100 MiB, of encoded events. */
  readonly bufferBytes?: number | undefined
  /** Default true: a rule with action `fail` throws RuleFailed. False: only the outcome says so. */
  readonly raiseOnFail?: boolean | undefined
  /** Default true: requests are compressed with gzip. */
  readonly compress?: boolean | undefined
  /** TK_DISABLED, default false: a sensor that does nothing and needs nothing. */
  readonly disabled?: boolean | undefined
  /** PEM certificates to trust in place of the system's, for an https URL. */
  readonly ca?: string | Uint8Array | undefined
  /** Where warnings go; default: warnings and errors to the console. */
  readonly logger?: Logger | undefined
  /** Numbers from 0 to below 1, for `sample_rate`; default: a fast generator, seeded anew for each sensor. */
  readonly random?: (() => number) | undefined
  /** Default: the system's; for tests. */
  readonly clock?: Clock | undefined
  /** Default: process.env. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
}
