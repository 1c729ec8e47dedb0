import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { timeOf } from './table.ts'
import type { Task } from './world.ts'

/** For whoever stands before it at night: enough to say why, and no more. Characters. */
const longestWhy = 1000

export async function pauseRules(why: string, { store, actor, say }: Task): Promise<void> {
  const length = [...why.trim()].length
  if (length === 0 || length > longestWhy || /[\p{Cc}\p{Cs}]/u.test(why)) {
    throw new PulltraceError(
      Code.Invalid,
      `--why must be a text of 1 to ${longestWhy} characters on one line, got ${length} characters`,
      { fix: "say it for whoever finds the rules paused: --why 'rule X drops orders, see incident 12'" },
    )
  }
  const { sinceMs } = await store.rules.pause(why.trim(), actor)
  say(
    `All rules are paused since ${timeOf(sinceMs!)}: each sensor drops them with its next sync. 'rules resume' ends it.`,
  )
}

export async function resumeRules({ store, actor, say }: Task): Promise<void> {
  const { pause } = (await store.rules.snapshot())!
  await store.rules.resume(actor)
  say(pause.paused ? 'The rules work again: each sensor gets them with its next sync.' : 'The rules were not paused.')
}
