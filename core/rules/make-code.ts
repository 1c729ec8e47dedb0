import type { Source } from './code-source.ts'

/** False when no rule matches a record; true when one may, and for what the code cannot tell. */
export type MayMatch = (record: unknown) => boolean

/**
 * The one place where text becomes code. The text is ours: of a rule it has field names of letters, digits and `_`, and
 * numbers (code-source.ts). Undefined where that is forbidden, as by `--disallow-code-generation-from-strings`.
 */
export function makeCode({ text, constants }: Source): MayMatch | undefined {
  try {
    return new Function('c', text)(constants) as MayMatch
  } catch {
    // Code saves time and nothing else: without it the steps decide.
    return undefined
  }
}
