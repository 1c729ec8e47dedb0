import { createHash } from 'node:crypto'
import { systemClock } from '../../core/lib/clock.ts'
import { createLogger } from '../../core/lib/log.ts'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import { say } from './say.ts'

// A program that makes and changes rules and keys, several at a time, and writes a line for each that was answered:
// `ack rule RULE_ID VERSION NAME`, `ack key ID NAME` or `nack: MESSAGE`. Arguments: the file, a prefix for the names, how
// many lanes, how many rounds in all, and after how many milliseconds the disk is taken for lost.

const [file, prefix, lanes = '4', count = 'Infinity', answerTimeoutMs = '60000'] = process.argv.slice(2)
const by = { name: `cli:${prefix}` }
const store = openSqliteTk({
  file: file!,
  clock: systemClock,
  log: createLogger('writer', 'error'),
  answerTimeoutMs: Number(answerTimeoutMs),
})

let next = 0
async function lane(): Promise<void> {
  while (next < Number(count)) {
    const name = `${prefix}-${next++}`
    const hash = Uint8Array.from(createHash('sha256').update(name).digest())
    try {
      const [rule] = await store.rules.change([{ kind: 'create', content: ruleContent({ name }) }], by)
      const { rule_id: ruleId } = rule!
      say(`ack rule ${ruleId} 1 ${name}\n`)
      // No sensor may get more rules than a bound, which a writer that is left alone would soon reach.
      const content = ruleContent({ name: `${name}b`, state: 'disabled' })
      await store.rules.change([{ kind: 'update', ruleId, basedOn: 1, content }], by)
      say(`ack rule ${ruleId} 2 ${name}b\n`)
      const key = await store.keys.create({ name, secretId: 'a'.repeat(32), hash }, by)
      say(`ack key ${key.id} 0 ${name}\n`)
    } catch (error) {
      say(`nack: ${(error as Error).message}\n`)
      await systemClock.sleep(100)
    }
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, lane))
await store.close()
