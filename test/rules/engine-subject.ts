import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Rule } from '../../core/rules/rule.ts'
import type { UseOfCode } from '../../core/rules/screen.ts'
import type { SeenMatch, Subject, WrittenRule } from './subject.ts'

type Parse = typeof import('../../core/rules/parse.ts')
type Sent = typeof import('../../core/rules/sent.ts')
type Scope = typeof import('../../core/rules/scope.ts')
type Cost = typeof import('../../core/rules/cost.ts')
type Compile = typeof import('../../core/rules/compile.ts')
type Evaluate = typeof import('../../core/rules/evaluate.ts')
type Explain = typeof import('../../core/rules/explain.ts')

/** What core/rules exports to those who evaluate rules. */
export type Engine = Pick<Parse, 'parseRule'> &
  Pick<Sent, 'sendOrder'> &
  Pick<Scope, 'applies'> &
  Pick<Cost, 'scoreOf' | 'orderOf' | 'costOf'> &
  Pick<Compile, 'compileRules'> &
  Pick<Evaluate, 'evaluate'> &
  Pick<Explain, 'explain'>

export const engineDir = path.join(import.meta.dirname, '../../core/rules')

/** The engine in a folder: core/rules, or a copy of it with a fault. */
export async function loadEngine(dir: string): Promise<Engine> {
  const load = (file: string) => import(pathToFileURL(path.join(dir, file)).href)
  const { parseRule } = (await load('parse.ts')) as Parse
  const { sendOrder } = (await load('sent.ts')) as Sent
  const { applies } = (await load('scope.ts')) as Scope
  const { scoreOf, orderOf, costOf } = (await load('cost.ts')) as Cost
  const { compileRules } = (await load('compile.ts')) as Compile
  const { evaluate } = (await load('evaluate.ts')) as Evaluate
  const { explain } = (await load('explain.ts')) as Explain
  return { parseRule, sendOrder, applies, scoreOf, orderOf, costOf, compileRules, evaluate, explain }
}

/** A rule of a vector as the server keeps it; throws with the first fault. */
export function storedRule(engine: Engine, { id, ...written }: WrittenRule): Rule {
  const parsed = engine.parseRule({ name: id, state: 'active', scope: { tags: [] }, ...written })
  if (parsed.faults !== undefined) throw new Error(`${parsed.faults[0]?.path}: ${parsed.faults[0]?.message}`)
  return { ...parsed.rule, rule_id: id, version: 1, created_at: '2026-01-31T08:00:00Z' }
}

/** An engine has to be right both ways: with code made of the rules, and where the platform forbids that. */
export const usesOfCode: readonly UseOfCode[] = ['never', 'at once']

export function engineSubject(engine: Engine, code: UseOfCode): Subject {
  return {
    sent: written => engine.sendOrder(written.map(rule => storedRule(engine, rule))),
    check(rules, record, random) {
      const { set, faults } = engine.compileRules(rules, code)
      if (faults.length > 0) throw new Error(`${faults[0]!.rule_id}: ${faults[0]!.message}`)
      const matches: SeenMatch[] = []
      const onMatch: Parameters<Engine['evaluate']>[3] = ({ rule, ...match }) => {
        matches.push({ rule: rule.rule_id, ...match })
      }
      return { action: engine.evaluate(set, record, random, onMatch), matches }
    },
    scoreOf: engine.scoreOf,
    orderOf: engine.orderOf,
  }
}
