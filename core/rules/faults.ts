import { closest } from '../lib/closest.ts'
import { seenOf } from '../lib/seen.ts'
import { limits } from './limits.ts'

/** One thing that is wrong with a rule, in words its author can act on. */
export interface RuleFault {
  /** As its author would say it: `any[0].all[2].value`; empty for the rule itself. */
  readonly path: string
  readonly message: string
  readonly bound?: string
  readonly seen?: string
  readonly fix?: string
}

/** Gathers the faults of one rule: its author mends them in one go. */
export class Faults {
  readonly all: RuleFault[] = []

  add(path: string, bound: string, value: unknown, fix?: string): undefined {
    if (this.all.length >= limits.faults) return
    const seen = seenOf(value)
    const message = `${path === '' ? 'a rule' : `\`${path}\``} must be ${bound}, got ${seen}`
    this.all.push({ path, message, bound, seen, ...(fix === undefined ? {} : { fix }) })
  }

  /** The value as an object without other fields than these; undefined, with faults, when it is none. */
  object(path: string, value: unknown, known: readonly string[]): Record<string, unknown> | undefined {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.add(path, 'a map of fields', value)
    }
    for (const key of Object.keys(value)) if (!known.includes(key)) this.#unknown(join(path, key), key, known)
    return value as Record<string, unknown>
  }

  #unknown(path: string, key: string, known: readonly string[]): void {
    if (this.all.length >= limits.faults) return
    const near = closest(key, known)
    this.all.push({
      path: cut(path),
      message: `\`${cut(path)}\` is not a field of a rule`,
      bound: `one of ${known.join(', ')}`,
      fix: near === undefined ? 'remove it' : `did you mean '${near}'?`,
    })
  }

  /** The value as one of these words, or the default when it is absent. */
  word<T extends string>(path: string, value: unknown, words: readonly T[], absent?: T): T | undefined {
    if (value === undefined && absent !== undefined) return absent
    if (words.includes(value as T)) return value as T
    const near = typeof value === 'string' ? closest(value, words) : undefined
    const fix = near === undefined ? undefined : `did you mean '${near}'?`
    return this.add(path, `one of ${words.map(word => `'${word}'`).join(', ')}`, value, fix)
  }

  /** The items of a list of so many; undefined, with a fault, when it is none. What is beyond the bound is not looked at. */
  list(path: string, value: unknown, min: number, max: number, items: string): readonly unknown[] | undefined {
    if (Array.isArray(value) && value.length >= min && value.length <= max) return value
    return this.add(path, `a list of ${min} to ${max} ${items}`, value)
  }
}

export const join = (path: string, key: string) => (path === '' ? key : `${path}.${key}`)
const cut = (text: string) => (text.length <= 160 ? text : `${text.slice(0, 160)}…`)
