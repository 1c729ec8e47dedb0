import { writeFile } from 'node:fs/promises'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import { costOf, scoreOf } from '../../../core/rules/cost.ts'
import { formatPath } from '../../../core/rules/path.ts'
import type { Rule } from '../../../core/rules/rule.ts'
import { type RuleFormat, rulesText } from '../../rule-files/rule-text.ts'
import { tableOf, timeOf } from './table.ts'
import type { Task } from './world.ts'

/** Of rules that are meant by what was typed. */
const mostNamed = 5

export async function listRules(output: 'table' | RuleFormat, { store, print, say }: Task): Promise<void> {
  const rules = await store.rules.list()
  if (output !== 'table') return void print(rulesText(rules, output))
  await sayPause({ store, say })
  print(tableOf(['ID', 'VERSION', 'STATE', 'ACTION', 'SAMPLE', 'SCORE', 'TAGS', 'NAME'], rules.map(rowOf)))
}

function rowOf({ rule_id, version, state, dry_run, action, sample_rate, scope, any, name }: Rule): string[] {
  const tags = [...scope.tags, ...scope.exclude_tags.map(tag => `!${tag}`)].join(',') || '(all)'
  const effective = dry_run ? `${action} (dry run)` : action
  return [rule_id, `${version}`, state, effective, `${sample_rate}`, `${scoreOf(any)}`, tags, name]
}

/** Nobody who looks at rules should wonder why none of them works. */
async function sayPause({ store, say }: Pick<Task, 'store' | 'say'>): Promise<void> {
  const { pause } = (await store.rules.snapshot())!
  if (!pause.paused) return
  say(`All rules are paused since ${timeOf(pause.sinceMs!)} by ${pause.by}: ${pause.why}`)
}

export async function exportRules(
  file: string | undefined,
  format: RuleFormat,
  { store, print, say }: Task,
): Promise<void> {
  // The store's order is that of rule_id.
  const rules = await store.rules.list()
  const text = rulesText(rules, format)
  if (file === undefined || file === '-') return void print(text)
  try {
    await writeFile(file, text)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new PulltraceError(Code.Invalid, `the file ${file} cannot be written: ${code}`, { cause })
  }
  say(`${rules.length} rules are in ${file}`)
}

/** The rule as a file has it, what it costs and who changed it. */
export async function showRule(asked: string, output: 'text' | RuleFormat, { store, print, say }: Task): Promise<void> {
  const rule = named(asked, await store.rules.list())
  if (output !== 'text') return void print(rulesText([rule], output))
  await sayPause({ store, say })
  const versions = await store.rules.versions(rule.rule_id)
  const history = versions.map(({ rule: { version }, author, writtenAtMs }) => [
    `${version}`,
    timeOf(writtenAtMs),
    author,
  ])
  print(`${rulesText([rule], 'yaml')}\n${costLines(rule)}\n${tableOf(['VERSION', 'WRITTEN', 'BY'], history)}`)
}

/** The rule with this id; else the only one with this name; else the only one whose id begins so. */
function named(asked: string, rules: readonly Rule[]): Rule {
  const id = asked.toLowerCase()
  const exact = rules.find(({ rule_id }) => rule_id === id)
  if (exact) return exact
  const byName = rules.filter(({ name }) => name === asked)
  const found = byName.length > 0 || id === '' ? byName : rules.filter(({ rule_id }) => rule_id.startsWith(id))
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new PulltraceError(Code.NotFound, `there is no rule with the id or name ${seenOf(asked)}`, {
      fix: "'rules list' shows their ids and names",
    })
  }
  const ids = found.slice(0, mostNamed).map(({ rule_id }) => rule_id)
  throw new PulltraceError(Code.Invalid, `${seenOf(asked)} is the name, or begins the id, of ${found.length} rules`, {
    fix: `say which: ${ids.join(', ')}${found.length > mostNamed ? ', ...' : ''}`,
  })
}

/** In the order in which a sensor tries them. */
function costLines({ any }: Rule): string {
  const { score, min, max, conditions } = costOf(any)
  const ordered = [...conditions].sort((a, b) => a.group - b.group || a.position - b.position)
  const rows = ordered.map(({ group, condition, score }) => {
    const { field, op } = any[group]!.all[condition]!
    return [`any[${group}].all[${condition}]`, `${score}`, `${formatPath(field)} ${op}`]
  })
  return `Score ${score} (from ${min} to ${max} for one record), conditions as they are tried:\n${tableOf(['CONDITION', 'SCORE', 'TEST'], rows)}`
}
