import { systemClock } from '../../core/lib/clock.ts'
import { createLogger } from '../../core/lib/log.ts'
import { endedPull } from '../../server/store/ended-pull.fake.ts'
import { openSqliteHistory } from '../../server/store/sqlite/open-sqlite-history.ts'
import { say } from './say.ts'

// A program that appends pulls, several at a time, and writes a line for each: `ack ID` or `nack ID: MESSAGE`.
// Arguments: the data folder, a prefix for the ids, how many append side by side, how many pulls in all,
// and after how many milliseconds the disk is taken for lost.

const [dataDir, prefix, lanes = '8', count = 'Infinity', answerTimeoutMs = '60000'] = process.argv.slice(2)
const store = openSqliteHistory({
  dataDir: dataDir!,
  clock: systemClock,
  log: createLogger('writer', 'error'),
  answerTimeoutMs: Number(answerTimeoutMs),
})

let next = 0
async function lane(): Promise<void> {
  while (next < Number(count)) {
    const id = `${prefix}-${next++}`
    const pods = [{ namespace: 'shop', podName: id, container: 'c', certain: true }]
    const answer = await store.append([endedPull(id, { nodeName: id, pods })]).then(
      () => `ack ${id}\n`,
      (error: Error) => `nack ${id}: ${error.message}\n`,
    )
    say(answer)
    // As an agent does, which sends again with its next report.
    if (answer.startsWith('nack')) await systemClock.sleep(100)
  }
}

await Promise.all(Array.from({ length: Number(lanes) }, lane))
await store.close()
