import type { CompiledRule } from './compile.ts'
import { Op, opOf } from './program.ts'
import type { Condition, FieldPath, Literal, PathSegment } from './rule.ts'

/** The body of a function of `c`, the constants; what it returns is asked of a record, `r`. */
export interface Source {
  readonly text: string
  readonly constants: readonly unknown[]
}

/** True for a rule that code can know not to match: it can try the condition with which each group begins. */
export function isForCode({ rule, groups }: CompiledRule): boolean {
  return rule.sample_rate === 1 && groups.every(([first]) => isTried(first!.condition))
}

/**
 * Code does not ask whether a field is an object's own, and takes for a value what may be missing. So missing must mean
 * false. Indexes may read Sets, and `*` many values: these are for the closures.
 */
function isTried(condition: Condition): boolean {
  if (!condition.field.every(isKey)) return false
  if (condition.op === 'exists') return true
  return opOf(condition) !== Op.call && condition.on_missing_field === 'skip'
}

/** A key that every object inherits would be found on all records, and the code would always say that it cannot tell. */
const isKey = (segment: PathSegment) =>
  segment !== '*' && typeof segment !== 'number' && !(keyOf(segment) in Object.prototype)

const keyOf = (segment: PathSegment) => (typeof segment === 'object' ? segment.key : String(segment))

/** Only keys of these letters stand in the text. All others, and texts to compare with, are constants. */
const plainKey = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Writes what a programmer would write by hand: a function that is false when surely no rule of these matches, fails, or
 * meets a value that does not convert; else true. In the text stand our own words, plain keys, and numbers and
 * booleans as JavaScript prints them: nothing else of a rule can become code.
 */
export function sourceOf(rules: readonly CompiledRule[]): Source {
  const writer = new Writer()
  for (const { groups } of rules) for (const group of groups) writer.group(group.map(({ condition }) => condition))
  return writer.source()
}

/** A local variable that holds a field, or an object on the way to it. */
interface Variable {
  readonly name: string
  readonly read: string
  readonly parent: Variable | undefined
}

class Writer {
  readonly #constants: unknown[] = []
  readonly #variables = new Map<string, Variable>()
  /** Those that have been read wherever the code arrives at this point. */
  readonly #read = new Set<Variable>()
  readonly #lines: string[] = []

  /** Leaves the block when the group is false. */
  group(conditions: readonly Condition[]): void {
    this.#lines.push('group: {')
    const readInGroup = new Set<Variable>()
    for (const [at, condition] of conditions.entries()) {
      if (!isTried(condition)) break
      const variable = this.#variableOf(condition.field)
      if (at === 0) this.#readAlways(variable)
      else this.#readOnce(variable, readInGroup)
      this.#lines.push(this.#test(variable.name, condition))
    }
    this.#lines.push('return true', '}')
  }

  source(): Source {
    const constants = this.#constants.map((_, at) => `const c${at} = c[${at}]`)
    const variables = [...this.#variables.values()].map(({ name }) => `let ${name}`)
    const body = ['if (r == null) return true', ...variables, ...this.#lines, 'return false']
    return { text: [...constants, 'return r => {', ...body, '}'].join('\n'), constants: this.#constants }
  }

  #constant(value: unknown): string {
    const known = this.#constants.indexOf(value)
    return `c${known < 0 ? this.#constants.push(value) - 1 : known}`
  }

  #variableOf(path: FieldPath): Variable {
    const id = JSON.stringify(path)
    const known = this.#variables.get(id)
    if (known !== undefined) return known
    const parent = path.length === 1 ? undefined : this.#variableOf(path.slice(0, -1))
    const last = path.at(-1)!
    const key = keyOf(last)
    const member = plainKey.test(key) ? key : `[${this.#constant(key)}]`
    const variable = { name: `f${this.#variables.size}`, read: `${parent?.name ?? 'r'}?.${member}`, parent }
    this.#variables.set(id, variable)
    return variable
  }

  /** For what each record comes to. */
  #readAlways(variable: Variable): void {
    if (this.#read.has(variable)) return
    if (variable.parent !== undefined) this.#readAlways(variable.parent)
    this.#lines.push(`${variable.name} = ${variable.read}`)
    this.#read.add(variable)
  }

  /** For what only some records come to: undefined is not read yet, or not there and read again. */
  #readOnce(variable: Variable, readInGroup: Set<Variable>): void {
    if (this.#read.has(variable) || readInGroup.has(variable)) return
    this.#lines.push(`if (${variable.name} === undefined) {`)
    if (variable.parent !== undefined) this.#readOnce(variable.parent, new Set(readInGroup))
    this.#lines.push(`${variable.name} = ${variable.read}`, '}')
    readInGroup.add(variable)
  }

  #test(f: string, { op, value }: Condition): string {
    if (op === 'exists') return `if (${f} == null) break group`
    if (op === 'in') return equality(`${this.#constant(new Set(value as readonly string[]))}.has(${f})`, f, 'string')
    if (op === 'prefix' || op === 'suffix') return comparison(this.#searched(f, op, value as string), f, 'string')
    const literal = typeof value === 'string' ? this.#constant(value) : String(value)
    if (op === 'eq') return equality(`${f} === ${literal}`, f, typeOf(value))
    return comparison(comparisons[op]!(f, literal), f, typeOf(value))
  }

  /** By code units, which V8 compares in place; it calls a function to search for what is no constant to it. */
  #searched(f: string, op: 'prefix' | 'suffix', literal: string): string {
    const units = Array.from({ length: literal.length }, (_, at) => literal.charCodeAt(at))
    if (op === 'suffix') {
      return `${f}.charCodeAt(${f}.length - 1) === ${units.at(-1)} && ${f}.endsWith(${this.#constant(literal)})`
    }
    const some = units.slice(0, mostUnits).map((unit, at) => `${f}.charCodeAt(${at}) === ${unit}`)
    return [...some, ...(units.length > mostUnits ? [`${f}.startsWith(${this.#constant(literal)})`] : [])].join(' && ')
  }
}

const mostUnits = 8

const typeOf = (literal: Literal | undefined) => typeof literal as 'string' | 'number' | 'boolean'

/** Nothing of another type is equal, so the type is asked for when it is not. */
function equality(test: string, f: string, type: string): string {
  return `if (!(${test})) { if (typeof ${f} === '${type}' || ${f} == null) break group; return true }`
}

/** NaN, which is no value, may differ: that is one more record for the closures. */
function comparison(test: string, f: string, type: string): string {
  return `if (typeof ${f} !== '${type}') { if (${f} == null) break group; return true }\nif (!(${test})) break group`
}

const comparisons: Partial<Record<Condition['op'], (f: string, literal: string) => string>> = {
  neq: (f, literal) => `${f} !== ${literal}`,
  lt: (f, literal) => `${f} < ${literal}`,
  lte: (f, literal) => `${f} <= ${literal}`,
  gt: (f, literal) => `${f} > ${literal}`,
  gte: (f, literal) => `${f} >= ${literal}`,
  contains: (f, literal) => `${f}.includes(${literal})`,
}
