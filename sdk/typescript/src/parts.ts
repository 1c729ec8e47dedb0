import { type Clock, systemClock } from '../../../core/lib/clock.ts'
import { RisingUuids } from '../../../core/lib/rising-uuids.ts'
import type { ServerLimits } from '../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { openSensorApi, type SensorApi } from './api/sensor-api.ts'
import { backgroundClock } from './clock.ts'
import { consoleLogger } from './console-logger.ts'
import { EventBuffer } from './events/event-buffer.ts'
import { EventSender } from './events/event-sender.ts'
import { Recorder } from './events/recorder.ts'
import type { Logger } from './logger.ts'
import type { SensorOptions } from './options/options.ts'
import type { SensorSettings } from './options/parse-options.ts'
import type { SensorState } from './outcome.ts'
import { createRandom } from './random.ts'
import type { SensorStats } from './stats.ts'
import { RuleState } from './sync/rule-state.ts'
import { Syncer } from './sync/syncer.ts'
import { sdkInfo, systemMetadataOf } from './system-metadata.ts'

/** What a sensor is made of, joined; nothing has been sent yet. */
export interface SensorParts {
  readonly settings: SensorSettings
  readonly log: Logger
  /** For what a caller waits for. */
  readonly clock: Clock
  /** For what goes on in the background. */
  readonly background: Clock
  /** For sampling only: what else is random must not disturb it. */
  readonly sample: () => number
  readonly jitter: () => number
  readonly api: SensorApi
  readonly buffer: EventBuffer
  readonly recorder: Recorder
  readonly sender: EventSender
  readonly rules: RuleState
  readonly syncer: Syncer
  /** Aborted when what is unsent is given up. */
  readonly sending: AbortController
  readonly sent: Pick<SensorStats['events'], 'sent' | 'accepted' | 'duplicates' | 'rejected'>
}

export type OnState = (state: SensorState, before: SensorState, reason: string) => void

export function createParts(settings: SensorSettings, options: SensorOptions, onState: OnState): SensorParts {
  const log = options.logger ?? consoleLogger
  const clock = options.clock ?? systemClock
  const background = options.clock ?? backgroundClock
  const jitter = createRandom()
  const uuids = new RisingUuids()
  const nextId = () => uuids.next(clock.now())
  const sensorId = nextId()
  const { apiUrl, ca, compress, tags, failureMode, cacheTtlMs } = settings

  const api = openSensorApi({ apiUrl, apiKey: settings.apiKey.reveal(), ca, compress, requestId: nextId })
  const buffer = new EventBuffer({ maxEvents: settings.bufferEvents, maxBytes: settings.bufferBytes })
  const recorder = new Recorder(buffer, clock, nextId)
  const rules = new RuleState({ failureMode, cacheTtlMs, monotonic: () => clock.monotonic(), onChange: onState })
  const sending = new AbortController()
  const sent = { sent: 0, accepted: 0, duplicates: 0, rejected: 0 }

  const onLimits = (limits: ServerLimits) => {
    sender.limit(limits)
    recorder.limit(limits.maxEventBytes)
  }
  const shared = { api, clock, random: jitter, log, onLimits }
  const sender: EventSender = new EventSender({
    ...shared,
    buffer,
    sender: { sensorId, tags, sdk: sdkInfo, systemMetadata: systemMetadataOf(options.env ?? process.env) },
    signal: sending.signal,
    onFlushed: tally => {
      const result = tally.result()
      for (const name of ['sent', 'accepted', 'duplicates', 'rejected'] as const) sent[name] += result[name]
      recorder.lose('bufferOverflow', tally.dropped)
      recorder.lose('eventTooLarge', tally.tooLarge)
    },
  })
  const syncer = new Syncer({ ...shared, sensorId, tags, rules, intervalMs: settings.syncIntervalMs })
  const sample = options.random ?? createRandom()
  return {
    settings,
    log,
    clock,
    background,
    sample,
    jitter,
    api,
    buffer,
    recorder,
    sender,
    rules,
    syncer,
    sending,
    sent,
  }
}
