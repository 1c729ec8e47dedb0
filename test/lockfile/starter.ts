import { systemClock } from '../../core/lib/clock.ts'
import { acquireLock, type Lock, LockHeld } from '../../core/lib/lockfile.ts'
import { silentLogger } from '../../core/lib/log.ts'

/** A program that takes a lock when it is told to, and answers how that went. It ends with its parent. */
export type Ask = { readonly take: string } | { readonly give: true }
export type Answer =
  | { readonly took: true }
  | { readonly refused: string; readonly code: number }
  | { readonly gave: true }

const answer = (it: Answer) => void process.send!(it)
let lock: Lock | undefined

async function take(databaseFile: string): Promise<Answer> {
  try {
    lock = await acquireLock({ databaseFile, service: 'tk-sensor-api', clock: systemClock, log: silentLogger })
    return { took: true }
  } catch (error) {
    return { refused: String(error), code: error instanceof LockHeld ? error.exitCode : 1 }
  }
}

process.on('message', async (ask: Ask) => {
  if ('take' in ask) return answer(await take(ask.take))
  await lock?.[Symbol.asyncDispose]()
  lock = undefined
  answer({ gave: true })
})
process.on('disconnect', () => process.exit())
