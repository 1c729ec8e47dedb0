import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import { nextStates } from '../../../core/rules/lifecycle.ts'
import { limits } from '../../../core/rules/limits.ts'
import type { RuleState } from '../../../core/rules/rule.ts'
import type { FullRuleSet } from '../full-rule-sets.ts'

// Why a change of rules is refused. `path` says which of the changes.

export function refuseMissing(ruleId: string, index: number): PulltraceError {
  return new PulltraceError(Code.NotFound, `there is no rule with \`rule_id\` ${seenOf(ruleId)}`, {
    path: `changes[${index}]`,
    seen: seenOf(ruleId),
    fix: 'it may have been deleted: list the rules again',
  })
}

export function refuseStale(
  { ruleId, version }: { readonly ruleId: string; readonly version: number },
  basedOn: number,
  index: number,
): PulltraceError {
  const message = `rule ${seenOf(ruleId)} has version ${version}, and this change is based on version ${basedOn}`
  return new PulltraceError(Code.Conflict, message, {
    path: `changes[${index}]`,
    bound: String(basedOn),
    seen: String(version),
    fix: 'load the rule again, and make the change to what it is now',
  })
}

export function refuseActive(ruleId: string, index: number): PulltraceError {
  return new PulltraceError(Code.Invalid, `rule ${seenOf(ruleId)} is active: an active rule may not be deleted`, {
    path: `changes[${index}]`,
    bound: 'draft or disabled',
    seen: 'active',
    fix: 'disable it first',
  })
}

export function refuseTooManyActive(active: number): PulltraceError {
  const message = `${active} rules would be active, more than the ${limits.activeRules} that one server serves`
  return new PulltraceError(Code.Invalid, message, {
    path: 'changes',
    bound: `at most ${limits.activeRules} active rules`,
    seen: String(active),
    fix: 'disable rules that are not needed',
  })
}

export function refuseState(ruleId: string, from: RuleState, to: RuleState, index: number): PulltraceError {
  const message = `rule ${seenOf(ruleId)} is ${from}: \`state\` may not become '${to}'`
  const [, next] = nextStates[from]
  return new PulltraceError(Code.Invalid, message, {
    path: `changes[${index}].state`,
    bound: nextStates[from].join(' or '),
    seen: to,
    fix: `leave it ${from}, or make it ${next}`,
  })
}

export function refuseFullSet({ tags, rules }: FullRuleSet): PulltraceError {
  const sensor = tags.length === 0 ? 'without tags' : `with the tags ${tags.map(tag => `'${tag}'`).join(', ')}`
  const message = `${rules} active rules would apply to a sensor ${sensor}, more than the ${limits.rulesInSet} that one gets`
  return new PulltraceError(Code.Invalid, message, {
    path: 'changes',
    bound: `at most ${limits.rulesInSet} active rules for a sensor`,
    seen: String(rules),
    fix: 'disable rules that are not needed, or give them narrower scopes',
  })
}
