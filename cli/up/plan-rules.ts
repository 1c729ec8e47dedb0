import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import { logLevels } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'

/** tk-sensor-api and tk-web-ui beside the server, and what makes the server their sensor. */
export interface RulesPlan {
  /** Environment of tk-sensor-api, but for the file of the key, which is made when it begins. */
  readonly sensorApi: Env
  /** Environment of tk-web-ui, but for the file of the first password, which is made when it begins. */
  readonly webUi: Env
  /** The one key of the server. */
  readonly keyFile: string
  /** With the first password of the first user. */
  readonly passwordFile: string
  /** Absent: the database is new. */
  readonly databaseFile: string
}

/** How soon a changed rule counts on one machine, where one server asks. */
const syncInterval = '5s'

/**
 * Undefined when the file wants no rules, or the environment names a tk-sensor-api that runs elsewhere. `env` is what
 * `up` was started with; its settings win.
 */
export function planRules(spec: PulltraceConfigSpec, env: Env, dataDir: string): RulesPlan | undefined {
  if (spec.rules?.enabled !== true || env['TK_API_URL']) return undefined
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => name.startsWith('TK_') && value))
  const { retention } = spec.rules
  const database = env['TK_DATABASE_URL'] || path.join(dataDir, 'tk.db')
  const logLevel = env['TK_LOG_LEVEL'] || logLevels.find(level => level === env['PULLTRACE_LOG_LEVEL']) || 'info'
  const {
    TK_BOOTSTRAP_API_KEY_FILE: keyFile = path.join(dataDir, 'tk-api-key'),
    TK_ADMIN_PASSWORD_FILE: passwordFile = path.join(dataDir, 'tk-admin-password'),
    ...others
  } = given
  const common = {
    TK_DATABASE_URL: database,
    // As of the other programs: where it listens is read in its lines.
    TK_LOG_LEVEL: logLevel === 'warn' || logLevel === 'error' ? 'info' : logLevel,
  }
  return {
    sensorApi: {
      ...env,
      TK_GRPC_ADDR: '127.0.0.1:50051',
      TK_SENSOR_METRICS_ADDR: '127.0.0.1:9092',
      ...(retention !== undefined && { TK_EVENTS_RETENTION: retention }),
      ...others,
      TK_BOOTSTRAP_API_KEY_FILE: undefined,
      ...common,
    },
    webUi: {
      ...env,
      TK_HTTP_ADDR: '127.0.0.1:8090',
      TK_UI_METRICS_ADDR: '127.0.0.1:9093',
      ...others,
      TK_ADMIN_PASSWORD_FILE: undefined,
      ...common,
    },
    keyFile: keyFile!,
    passwordFile: passwordFile!,
    databaseFile: database.startsWith('file:') ? fileURLToPath(database) : database,
  }
}

/** What the server is told once tk-sensor-api listens at `url`. */
export function sensorSettings({ keyFile }: RulesPlan, env: Env, url: string): Record<string, string> {
  return { TK_SYNC_INTERVAL: env['TK_SYNC_INTERVAL'] || syncInterval, TK_API_URL: url, TK_API_KEY_FILE: keyFile }
}
