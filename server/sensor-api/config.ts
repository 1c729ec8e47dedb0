import { existsSync } from 'node:fs'
import { logLevels } from '../../core/lib/log.ts'
import {
  durationMs,
  type Env,
  integer,
  isLoopback,
  listenAddress,
  type loadSettings,
  oneOf,
  optionalText,
  readSettings,
  type Setting,
  throwFaults,
} from '../../core/lib/settings.ts'
import { databaseFile } from '../tk/database-file.ts'
import { type HmacSecret, readSecrets, secretSettings } from '../tk/secrets.ts'
import type { SensorLimits } from './limits.ts'

export const program = 'tk-sensor-api'

const mebibyte = 1024 * 1024

function flag(name: string, fallback: string, doc: string): Setting<boolean> {
  const setting = oneOf(['true', 'false'])(name, fallback, doc)
  return { ...setting, parse: value => setting.parse(value) === 'true' }
}

const mebibytes = integer(1, 1024)

/** Every setting of tk-sensor-api. docs/configuration.md is made from this table. */
export const settings = {
  grpcAddr: listenAddress('TK_GRPC_ADDR', ':50051', 'Where sensors call.'),
  metricsAddr: listenAddress('TK_SENSOR_METRICS_ADDR', ':9092', 'Where /healthz, /readyz and /metrics listen.'),
  logLevel: oneOf(logLevels)('TK_LOG_LEVEL', 'info', 'The least important messages that are logged.'),
  databaseFile,
  ...(secretSettings as Record<'hmacSecret', Setting<string | undefined>>),
  bootstrapKeyFile: optionalText(
    'TK_BOOTSTRAP_API_KEY_FILE',
    '',
    'File with an API key that is registered at the start, once.',
  ),
  tlsCertFile: optionalText('TK_TLS_CERT_FILE', '', 'Certificate chain (PEM) for both listeners; reloaded on change.'),
  tlsKeyFile: optionalText('TK_TLS_KEY_FILE', '', 'Key (PEM) of that certificate.'),
  allowPlaintext: flag(
    'TK_ALLOW_PLAINTEXT',
    'false',
    'Whether sensors may call without TLS on an address that others reach; API keys can then be read on the way.',
  ),
  eventsRetentionMs: durationMs(0, 87_600 * 3_600_000, '0 to 87600h')(
    'TK_EVENTS_RETENTION',
    '720h',
    'How long events are kept; 0 for ever.',
  ),
  eventsMaxMiB: integer(0, 16 * 1024 * 1024)(
    'TK_EVENTS_MAX_MIB',
    '10240',
    'Most that events may take, in MiB; 0 for no bound but 70 % of the volume, which the whole database never exceeds.',
  ),
  maxRequestMiB: mebibytes('TK_MAX_REQUEST_MIB', '64', 'Largest request, in MiB, packed and unpacked.'),
  maxInFlightMiB: integer(1, 1024 * 1024)(
    'TK_MAX_IN_FLIGHT_MIB',
    '256',
    'Most that all requests may hold at once, in MiB; beyond it they are asked to come again.',
  ),
  maxEventsPerRequest: integer(1, 100_000)('TK_MAX_EVENTS_PER_REQUEST', '10000', 'Most events in one request.'),
  maxEventKiB: integer(1, 65_536)('TK_MAX_EVENT_KIB', '1024', 'Largest event, in KiB.'),
  minSyncIntervalMs: durationMs(1000, 3_600_000, '1s to 1h')(
    'TK_MIN_SYNC_INTERVAL',
    '5s',
    'What sensors are asked not to go below between two syncs.',
  ),
  requestTimeoutMs: durationMs(100, 600_000, '100ms to 10m')(
    'TK_REQUEST_TIMEOUT',
    '60s',
    'How long a request may take to arrive whole.',
  ),
  maxConnections: integer(1, 1_000_000)('TK_MAX_CONNECTIONS', '20000', 'Most open connections of sensors.'),
  maxStreams: integer(1, 10_000)('TK_MAX_CONCURRENT_STREAMS', '100', 'Most calls at once on one connection.'),
  callsPerSecond: integer(0, 1_000_000)(
    'TK_KEY_CALLS_PER_SECOND',
    '5000',
    'Most calls a second with one API key, as a long-time average; 0 for no bound.',
  ),
  callsBurst: integer(1, 10_000_000)('TK_KEY_CALLS_BURST', '20000', 'Most calls at once with one API key.'),
  shutdownGraceMs: durationMs(0, 600_000, '0 to 10m')(
    'TK_SHUTDOWN_GRACE',
    '10s',
    'How long a stopping service waits for calls that are under way.',
  ),
  drainMs: durationMs(0, 600_000, '0 to 10m')(
    'TK_DRAIN_DELAY',
    '0s',
    'How long a stopping service says that it is not ready before it takes no more calls.',
  ),
}

type Settings = ReturnType<typeof loadSettings<typeof settings>>

export interface SensorApiConfig
  extends Omit<Settings, 'hmacSecret' | 'tlsCertFile' | 'tlsKeyFile' | 'allowPlaintext'> {
  readonly secrets: readonly HmacSecret[]
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly limits: SensorLimits
  readonly maxInFlightBytes: number
}

export function loadSensorApiConfig(env: Env): SensorApiConfig {
  const { values, faults } = readSettings(settings, env)
  const { secrets, faults: secretFaults } = readSecrets(env)
  faults.push(...secretFaults)
  const { tlsCertFile, tlsKeyFile, grpcAddr, allowPlaintext, maxRequestMiB, maxInFlightMiB, maxEventKiB } = values
  for (const key of ['bootstrapKeyFile', 'tlsCertFile', 'tlsKeyFile'] as const) {
    const file = values[key]
    if (file !== undefined && !existsSync(file))
      faults.push(`${settings[key].name} must be a file that exists, got '${file}'`)
  }
  if ((tlsCertFile === undefined) !== (tlsKeyFile === undefined)) {
    faults.push('TK_TLS_CERT_FILE and TK_TLS_KEY_FILE must be set together')
  }
  if (grpcAddr && tlsCertFile === undefined && allowPlaintext === false && !isLoopback(grpcAddr)) {
    faults.push(
      "TK_TLS_CERT_FILE must be set, as API keys would be sent in clear text (or listen on '127.0.0.1:50051', or say TK_ALLOW_PLAINTEXT=true)",
    )
  }
  if (maxRequestMiB && maxInFlightMiB && maxInFlightMiB < maxRequestMiB) {
    faults.push(`TK_MAX_IN_FLIGHT_MIB must be at least TK_MAX_REQUEST_MIB, ${maxRequestMiB}, got '${maxInFlightMiB}'`)
  }
  if (maxRequestMiB && maxEventKiB && maxEventKiB > maxRequestMiB * 1024) {
    faults.push(
      `TK_MAX_EVENT_KIB must be at most TK_MAX_REQUEST_MIB, ${maxRequestMiB * 1024} KiB, got '${maxEventKiB}'`,
    )
  }
  throwFaults(program, faults)
  const { hmacSecret: _, tlsCertFile: certFile, tlsKeyFile: keyFile, allowPlaintext: __, ...rest } = values as Settings
  return {
    ...rest,
    secrets,
    tls: certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined,
    limits: {
      maxRequestBytes: rest.maxRequestMiB * mebibyte,
      maxEventsPerRequest: rest.maxEventsPerRequest,
      maxEventBytes: rest.maxEventKiB * 1024,
      minSyncIntervalMs: rest.minSyncIntervalMs,
    },
    maxInFlightBytes: rest.maxInFlightMiB * mebibyte,
  }
}
