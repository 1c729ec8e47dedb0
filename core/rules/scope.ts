import { limits } from './limits.ts'
import type { Scope } from './rule.ts'

const tag = new RegExp(`^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,${limits.tagLength - 2}}[A-Za-z0-9._-])?$`)

/** 1 to 128 of `A-Z a-z 0-9 . _ : -`, beginning with a letter or digit, not ending with a colon. */
export function isTag(text: unknown): text is string {
  return typeof text === 'string' && tag.test(text)
}

/** What is wrong with a tag, as the end of a sentence that begins with its name; undefined when nothing is. */
export function tagFault(text: string): string | undefined {
  return isTag(text) ? undefined : `must be ${tagBound}`
}

export const tagBound = `1 to ${limits.tagLength} of the characters A-Z a-z 0-9 . _ : -, beginning with a letter or digit and not ending with ':'`

/** True when a sensor has every tag of the rule, and none that the rule excludes. Exact and case-sensitive. */
export function applies(scope: Scope, sensorTags: ReadonlySet<string>): boolean {
  for (const tag of scope.tags) if (!sensorTags.has(tag)) return false
  for (const tag of scope.exclude_tags) if (sensorTags.has(tag)) return false
  return true
}

/** Whether every sensor to which `inner` applies has `outer` apply to it, too. */
export const isWithin = (inner: Scope, outer: Scope): boolean =>
  outer.tags.every(tag => inner.tags.includes(tag)) && outer.exclude_tags.every(tag => inner.exclude_tags.includes(tag))
