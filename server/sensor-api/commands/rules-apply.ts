import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { type FileRule, parseRuleFile } from '../../rule-files/rule-file.ts'
import { type ExitCode, exitCodes } from './exit-code.ts'
import { type ApplyMode, changesOf, planApply, type Step } from './plan-apply.ts'
import { stepLines, summaryOf } from './rule-diff.ts'
import { readSources } from './rule-sources.ts'
import type { Task } from './world.ts'

export interface ApplyOptions {
  readonly dryRun?: boolean
  readonly prune?: boolean
  readonly yes?: boolean
}

/** Makes the stored rules those of the files, all of them or none, and shows before what will change. */
export async function applyRules(files: readonly string[], options: ApplyOptions, task: Task): Promise<ExitCode> {
  const steps = await plan(files, { existing: 'update', prune: options.prune === true }, task)
  const pending = steps.some(step => step.do !== 'keep')
  show(steps, 'will', task)
  if (!pending) return exitCodes.done
  if (options.dryRun) return exitCodes.pending
  if (!options.yes && !(await confirmed(files, task))) return exitCodes.pending
  await store(steps, task)
  return exitCodes.done
}

/** Adds the rules that are not there, all of them or none; what is there stays as people made it. */
export async function importRules(file: string, task: Task): Promise<ExitCode> {
  const steps = await plan([file], { existing: 'keep', prune: false }, task)
  await store(steps, task)
  return exitCodes.done
}

async function plan(files: readonly string[], mode: ApplyMode, task: Task): Promise<readonly Step[]> {
  const parsed = (await readSources(files, task.stdin)).map(parseRuleFile)
  const faults = parsed.flatMap(file => file.faults)
  const rules: FileRule[] = parsed.flatMap(file => file.rules)
  refuse(faults)
  const planned = planApply(rules, await task.store.rules.list(), mode)
  refuse(planned.faults)
  return planned.steps
}

/** Faults that are told, and characters of each: a file that holds no rules at all has thousands of whole pages. */
const mostFaults = 100
const longestFault = 500

function refuse(faults: readonly string[]): void {
  if (faults.length === 0) return
  const told = faults
    .slice(0, mostFaults)
    .map(fault => (fault.length > longestFault ? `${fault.slice(0, longestFault)}…` : fault))
  if (faults.length > told.length) told.push(`and ${faults.length - told.length} more`)
  const count = faults.length === 1 ? 'one fault' : `${faults.length} faults`
  throw new PulltraceError(
    Code.Invalid,
    `${count}, nothing was changed:\n${told.map(fault => `  ${fault}`).join('\n')}`,
    {
      fix: 'docs/rules.md says how rules are written',
    },
  )
}

function show(steps: readonly Step[], tense: 'will' | 'did', { stdout, env, print }: Task): void {
  // NO_COLOR (https://no-color.org): any text in it means none.
  const color = stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  for (const step of steps) for (const line of stepLines(step, color)) print(`${line}\n`)
  print(`${summaryOf(steps, tense)}\n`)
}

async function confirmed(files: readonly string[], { stdin, stderr, confirm }: Task): Promise<boolean> {
  if (stdin.isTTY && stderr.isTTY && !files.includes('-')) return confirm('Change these rules? [y/N] ')
  throw new PulltraceError(Code.Invalid, 'nothing was changed: there is no terminal to confirm it at', {
    fix: 'add --yes to change the rules, or --dry-run to only see what would change',
  })
}

async function store(steps: readonly Step[], { store, actor, print }: Task): Promise<void> {
  const changes = changesOf(steps)
  if (changes.length > 0) await store.rules.change(changes, actor)
  print(`${summaryOf(steps, 'did')}\n`)
}
