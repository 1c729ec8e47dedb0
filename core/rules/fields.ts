import type { FieldPath, PathSegment } from './rule.ts'
import { elementsOf, type Finding, fieldOf, holds, isPlain, plainOf } from './values.ts'

/** One step down a path; undefined when it cannot be taken. */
function step(value: unknown, segment: PathSegment): unknown {
  if (typeof segment === 'string') return fieldOf(value, segment)
  if (typeof segment === 'number') return elementsOf(value)?.[segment]
  return fieldOf(value, segment.key)
}

/** The record under check. A set has one: `round` tells which values of its fields are of this record. */
export class Round {
  record: unknown = undefined
  number = 0
}

/**
 * What a path without wildcards leads to in the record under check, read when it is first asked for. Paths share their
 * beginnings: a thousand rules about ten fields read ten fields.
 */
export class Field {
  readonly #round: Round
  readonly #parent: Field | undefined
  readonly #segment: PathSegment
  /** Set when the segment is a key that no plain object inherits. */
  readonly #key: string | undefined
  #value: unknown = undefined
  #readIn = 0
  #isPlain = false

  /** Without a parent it is the record itself. */
  constructor(round: Round, parent?: Field, segment: PathSegment = '') {
    this.#round = round
    this.#parent = parent
    this.#segment = segment
    const key = typeof segment === 'object' ? segment.key : segment
    this.#key = typeof key === 'string' && !(key in Object.prototype) ? key : undefined
  }

  /** Undefined when it is not there. */
  get value(): unknown {
    return this.#readIn === this.#round.number ? this.#value : this.#read()
  }

  #read(): unknown {
    const parent = this.#parent
    const key = this.#key
    let read: unknown
    if (parent === undefined) read = this.#round.record
    else {
      const from = parent.value
      read = parent.#isPlain && key !== undefined ? (from as Record<string, unknown>)[key] : step(from, this.#segment)
    }
    let plain = false
    if (typeof read === 'object' && read !== null) {
      plain = isPlain(read)
      if (!plain) read = plainOf(read)
    }
    this.#isPlain = plain
    this.#value = read
    this.#readIn = this.#round.number
    return read
  }

  /** Forgets the value: between two checks nothing of a record is kept alive. */
  clear(): void {
    this.#value = undefined
  }
}

/** The fields of a set, each once. */
export class Fields {
  readonly round = new Round()
  readonly all: Field[] = []
  readonly #indexes = new Map<string, number>()

  /** Where in `all` the field of a path stands. The path has no wildcard; without segments it is the record. */
  indexOf(path: FieldPath): number {
    const key = JSON.stringify(path)
    const known = this.#indexes.get(key)
    if (known !== undefined) return known
    const field =
      path.length === 0 ? new Field(this.round) : new Field(this.round, this.at(path.slice(0, -1)), path.at(-1))
    const index = this.all.push(field) - 1
    this.#indexes.set(key, index)
    return index
  }

  at(path: FieldPath): Field {
    return this.all[this.indexOf(path)]!
  }

  open(record: unknown): void {
    this.round.record = record
    this.round.number++
  }

  close(): void {
    this.round.record = undefined
    for (let index = 0; index < this.all.length; index++) this.all[index]!.clear()
  }
}

type Judge = (value: unknown) => Finding
type Steps = readonly PathSegment[]

/** A path with wildcards: a field that leads to the first list, and the steps behind each wildcard. */
export class WildcardField {
  readonly #list: Field
  readonly #steps: readonly Steps[]

  constructor(fields: Fields, path: FieldPath) {
    const first = path.indexOf('*')
    const second = path.indexOf('*', first + 1)
    this.#list = fields.at(path.slice(0, first))
    this.#steps = second < 0 ? [path.slice(first + 1)] : [path.slice(first + 1, second), path.slice(second + 1)]
  }

  /** What is found of all elements together, depth first, up to the first that holds. 0: there is no element. */
  scan(judge: Judge): Finding {
    return scanList(this.#list.value, this.#steps, 0, judge)
  }
}

function scanList(list: unknown, steps: readonly Steps[], depth: number, judge: Judge): Finding {
  const elements = elementsOf(list)
  // The path stops here: that is one element without a value.
  if (elements === undefined) return judge(undefined)
  const way = steps[depth]!
  const isLast = depth + 1 === steps.length
  let found = 0
  for (let index = 0; index < elements.length; index++) {
    let value: unknown = elements[index]
    for (let at = 0; at < way.length && value !== undefined; at++) value = step(value, way[at]!)
    found |= isLast ? judge(plainOf(value)) : scanList(value, steps, depth + 1, judge)
    if ((found & holds) !== 0) break
  }
  return found
}

/** One value that a path leads to. */
export interface Candidate {
  /** Wildcards replaced by indexes, as far as the path could be followed. */
  readonly path: FieldPath
  readonly value: unknown
}

/** Every value that a path leads to, in the order of `scan`. For telling people: it allocates. */
export function* candidatesOf(path: FieldPath, record: unknown): Generator<Candidate> {
  yield* candidatesFrom(path, 0, record, [])
}

function* candidatesFrom(path: FieldPath, from: number, start: unknown, walked: FieldPath): Generator<Candidate> {
  let value = start
  for (let at = from; at < path.length; at++) {
    const segment = path[at]!
    if (segment !== '*') {
      value = value === undefined ? undefined : step(value, segment)
      continue
    }
    const way = [...walked, ...path.slice(from, at)]
    const elements = elementsOf(value)
    if (elements === undefined) yield { path: [...way, ...path.slice(at)], value: undefined }
    else for (const [index, item] of elements.entries()) yield* candidatesFrom(path, at + 1, item, [...way, index])
    return
  }
  yield { path: [...walked, ...path.slice(from)], value: plainOf(value) }
}
