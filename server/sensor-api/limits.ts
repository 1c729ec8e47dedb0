import { limits as ruleLimits } from '../../core/rules/limits.ts'
import type { ServerLimits } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'

/** What is told to sensors, and held to. */
export interface SensorLimits {
  readonly maxRequestBytes: number
  readonly maxEventsPerRequest: number
  readonly maxEventBytes: number
  readonly minSyncIntervalMs: number
}

export const maxTags = ruleLimits.sensorTags
const maxResponseBytes = ruleLimits.setBytes

/** On the wire. */
export const limitsToWire = (limits: SensorLimits): ServerLimits => ({
  maxRequestBytes: limits.maxRequestBytes,
  maxEventsPerRequest: limits.maxEventsPerRequest,
  maxEventBytes: limits.maxEventBytes,
  minSyncInterval: {
    seconds: Math.floor(limits.minSyncIntervalMs / 1000),
    nanos: (limits.minSyncIntervalMs % 1000) * 1e6,
  },
  maxTags,
  maxResponseBytes,
})

/** In an ETag: by names that stay. */
export const limitsInEtag = (limits: SensorLimits): object => ({
  max_request_bytes: limits.maxRequestBytes,
  max_events_per_request: limits.maxEventsPerRequest,
  max_event_bytes: limits.maxEventBytes,
  min_sync_interval_ms: limits.minSyncIntervalMs,
  max_tags: maxTags,
  max_response_bytes: maxResponseBytes,
})
