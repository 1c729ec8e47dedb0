import type { Logger } from '../../core/lib/log.ts'
import type { SteppedClock } from '../../core/lib/stepped-clock.fake.ts'
import type { Action, Condition, SentRule } from '../../core/rules/rule.ts'
import type { ServerLimits } from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { Sensor, type SensorOptions } from '../../sdk/typescript/src/index.ts'
import { ruleToWire } from '../../server/sensor-api/sync-rules/to-wire.ts'
import type { ScriptedServer } from './scripted-server.fake.ts'

export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Record<string, unknown>
}

/** A logger that keeps what it is told. */
export function keptLog(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = []
  const at =
    (level: string) =>
    (message: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level, message, fields })
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A sensor of this server that says nothing and takes nothing from the environment. */
export const openSensor = (server: ScriptedServer, options: SensorOptions = {}): Promise<Sensor> =>
  Sensor.open({ apiUrl: server.url, apiKey: 'key', env: {}, logger: keptLog(), ...options })

let rules = 0

/** By default: `temperature` above 100. */
export function sentRule(action: Action = 'observe', condition: Partial<Condition> = {}, more: Partial<SentRule> = {}) {
  const rule: SentRule = {
    rule_id: `01990000-0000-7000-8000-${String(++rules).padStart(12, '0')}`,
    version: 3,
    name: `rule ${rules}`,
    action,
    sample_rate: 1,
    tags: [],
    any: [
      {
        all: [
          {
            field: ['temperature'],
            op: 'gt',
            field_type: 'numeric',
            value: 100,
            on_missing_field: 'skip',
            on_coercion_fail: 'skip',
            ...condition,
          },
        ],
      },
    ],
    score: 11,
    created_at: '2026-01-31T08:00:00.000Z',
    ...more,
  }
  return rule
}

export const wireRule = (...args: Parameters<typeof sentRule>) => ruleToWire(sentRule(...args))

/** What a promise comes to while time passes for whoever sleeps. */
export async function inTime<T>(clock: SteppedClock, promise: Promise<T>, stepMs = 500): Promise<T> {
  let settled = false
  const mark = () => {
    settled = true
  }
  promise.then(mark, mark)
  while (!settled) {
    if (clock.sleeping > 0) await clock.advance(stepMs)
    await new Promise(setImmediate)
  }
  return promise
}

/** 0: the server does not say. */
export const limitsOf = (changes: Partial<ServerLimits>): ServerLimits => ({
  maxRequestBytes: 0,
  maxEventsPerRequest: 0,
  maxEventBytes: 0,
  minSyncInterval: undefined,
  maxTags: 0,
  maxResponseBytes: 0,
  ...changes,
})
