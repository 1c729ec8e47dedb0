import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { Sensor, type SensorOptions } from '../../sdk/typescript/src/index.ts'
import type { FoundEvent } from '../../server/store/events-store.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import type { SensorApiProgram } from '../rig/pulltrace.ts'
import { keptLog } from './open-sensor.fake.ts'

const launcher = fileURLToPath(new URL('../../bin/tk-sensor-api', import.meta.url))

/** An admin command beside the running service; its stdout. */
export async function admin({ databaseFile }: SensorApiProgram, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], TK_DATABASE_URL: databaseFile }
  return (await promisify(execFile)(launcher, args, { env })).stdout
}

/** Makes the stored rules exactly these, as a pipeline would. */
export async function applyRules(service: SensorApiProgram, rules: readonly object[]): Promise<void> {
  const file = path.join(path.dirname(service.databaseFile), 'rules.yaml')
  await writeFile(file, stringify(rules))
  await admin(service, 'rules', 'apply', '-f', file, '--prune', '--yes')
}

/** An active rule as people write it. By default: `total` above 100 is observed. */
export const writtenRule = (name: string, changes: object = {}, condition: object = {}) => ({
  name,
  state: 'active',
  action: 'observe',
  scope: { tags: [] },
  any: [{ all: [{ field: ['total'], op: 'gt', field_type: 'numeric', value: 100, ...condition }] }],
  ...changes,
})

export const openReal = ({ address, key }: SensorApiProgram, options: SensorOptions = {}): Promise<Sensor> =>
  Sensor.open({ apiUrl: `http://${address}`, apiKey: key, env: {}, logger: keptLog(), ...options })

/** Every event there is, read beside the service. */
export async function storedEvents({ databaseFile: file }: SensorApiProgram): Promise<FoundEvent[]> {
  const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
  try {
    const events: FoundEvent[] = []
    let cursor: string | undefined
    do {
      const page = await store.events.search({ sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER }, 1_000, cursor)
      events.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return events
  } finally {
    await store.close()
  }
}
