import { closest } from '../../../../core/lib/closest.ts'
import { Secret } from '../../../../core/lib/secret.ts'
import { seenOf } from '../../../../core/lib/seen.ts'
import { ConfigError } from '../errors.ts'
import { checkMetadata, type Metadata } from './metadata.ts'
import { type FailureMode, failureModes, type SensorOptions, type SyncMode, syncModes } from './options.ts'
import { apiKey, apiUrl, boolean, certificates, duration, integer, oneOf, type Reader, tags } from './readers.ts'

const mib = 1_024 * 1_024

interface Row<T> {
  readonly env?: string
  readonly fallback: unknown
  readonly read: Reader<T>
}
const row = <T>(env: string | undefined, fallback: unknown, read: Reader<T>): Row<T> =>
  env === undefined ? { fallback, read } : { env, fallback, read }

/** Every option that is a value of its own: its variable, its default, how it is read. */
const rows = {
  apiUrl: row('TK_API_URL', 'http://127.0.0.1:50051', apiUrl),
  tags: row('TK_TAGS', [], tags),
  syncInterval: row('TK_SYNC_INTERVAL', '30s', duration(5_000, 86_400_000, '5s to 24h')),
  syncMode: row('TK_SYNC_MODE', 'background', oneOf(syncModes, ['offline'])),
  failureMode: row('TK_FAILURE_MODE', 'fail-safe', oneOf(failureModes)),
  cacheTtl: row('TK_CACHE_TTL', '5m', duration(1_000, 7 * 86_400_000, '1s to 168h')),
  overflow: row('TK_OVERFLOW', 'error', oneOf(['error'], ['drop_oldest', 'drop_newest', 'block'])),
  bufferEvents: row('TK_BUFFER_EVENTS', 10_000, integer(1, 1_000_000)),
  bufferBytes: row('TK_BUFFER_BYTES', 100 * mib, integer(1_024, 1_024 * mib)),
  raiseOnFail: row(undefined, true, boolean),
  compress: row(undefined, true, boolean),
  disabled: row('TK_DISABLED', false, boolean),
}
const others = ['apiKey', 'metadata', 'ca', 'logger', 'random', 'clock', 'env']

/** What sensors in other versions can do and this one cannot: said, not ignored. */
const later: Readonly<Record<string, string | undefined>> = {
  blockTimeout: 'TK_BLOCK_TIMEOUT',
  snapshotFile: 'TK_SNAPSHOT_FILE',
  masks: undefined,
}

export interface SensorSettings {
  readonly apiUrl: URL
  readonly apiKey: Secret
  readonly tags: readonly string[]
  readonly metadata: Metadata
  readonly syncIntervalMs: number
  readonly syncMode: SyncMode
  readonly failureMode: FailureMode
  readonly cacheTtlMs: number
  readonly bufferEvents: number
  readonly bufferBytes: number
  readonly raiseOnFail: boolean
  readonly compress: boolean
  readonly disabled: boolean
  readonly ca: Buffer | undefined
}

/** Options and variables as settings; throws ConfigError once, with everything that is wrong. */
export function parseOptions(options: SensorOptions): SensorSettings {
  const env = options.env ?? process.env
  const given = options as Readonly<Record<string, unknown>>
  const faults = [...unknownOptions(given), ...laterOptions(given, env)]

  const attempt = <T>(name: string, value: unknown, read: Reader<T>, secret = false): T | undefined => {
    try {
      return read(value)
    } catch (reason) {
      faults.push(`${name} must be ${(reason as Error).message}${secret ? '' : `, got ${seenOf(value)}`}`)
      return undefined
    }
  }
  const value = <T>(name: string, { env: variable, fallback, read }: Row<T>): T => {
    if (given[name] !== undefined) return attempt(name, given[name], read) as T
    const text = variable === undefined ? undefined : env[variable] || undefined
    return (text === undefined ? read(fallback) : attempt(variable!, text, read)) as T
  }

  const disabled = value('disabled', rows.disabled)
  const key = options.apiKey ?? (env['TK_API_KEY'] || undefined)
  if (key === undefined && !disabled) faults.push('apiKey or TK_API_KEY must be set')
  const metadata = checkMetadata({ ...metadataOf(env), ...options.metadata })
  faults.push(...metadata.faults)
  value('overflow', rows.overflow)

  const settings = {
    apiUrl: value('apiUrl', rows.apiUrl),
    apiKey: new Secret((key === undefined ? undefined : attempt('apiKey', key, apiKey, true)) ?? ''),
    tags: value('tags', rows.tags),
    metadata: metadata.good,
    syncIntervalMs: value('syncInterval', rows.syncInterval),
    syncMode: value('syncMode', rows.syncMode),
    failureMode: value('failureMode', rows.failureMode),
    cacheTtlMs: value('cacheTtl', rows.cacheTtl),
    bufferEvents: value('bufferEvents', rows.bufferEvents),
    bufferBytes: value('bufferBytes', rows.bufferBytes),
    raiseOnFail: value('raiseOnFail', rows.raiseOnFail),
    compress: value('compress', rows.compress),
    disabled,
    ca: options.ca === undefined ? undefined : attempt('ca', options.ca, certificates, true),
  }
  if (faults.length > 0) throw new ConfigError(faults)
  return settings
}

function unknownOptions(given: Readonly<Record<string, unknown>>): string[] {
  const known = [...Object.keys(rows), ...others]
  const unknown = Object.keys(given).filter(name => ![...known, ...Object.keys(later), 'stopOn'].includes(name))
  return unknown.map(name => {
    const near = closest(name, known)
    return `there is no option ${seenOf(name)}${near === undefined ? '' : `; did you mean '${near}'?`}`
  })
}

function laterOptions(
  given: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const asked = Object.entries(later).flatMap(([option, variable]) => {
    if (given[option] !== undefined) return [option]
    return variable !== undefined && env[variable] ? [variable] : []
  })
  const faults = asked.map(name => `${name} is not available yet`)
  const { stopOn } = given
  if (stopOn !== undefined && stopOn !== 'terminal') {
    faults.push(`stopOn must be 'terminal': ${seenOf(stopOn)} is not available yet`)
  }
  return faults
}

const prefix = 'TK_META_'

function metadataOf(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = Object.entries(env).filter(([name, value]) => name.startsWith(prefix) && name !== prefix && value)
  return Object.fromEntries(pairs.map(([name, value]) => [name.slice(prefix.length).toLowerCase(), value!]))
}
