import type { FieldPath, PathSegment } from './rule.ts'
import { elementsOf, type Finding, fieldOf, holds, plainOf } from './values.ts'

/** One step down a path that has no wildcard; undefined when it cannot be taken. */
function step(value: unknown, segment: PathSegment): unknown {
  if (typeof segment === 'number') return elementsOf(value)?.[segment]
  return fieldOf(value, typeof segment === 'string' ? segment : segment.key)
}

/** The record under check. One for each set of rules: `round` tells its fields which of their values are of this one. */
export interface Round {
  record: unknown
  number: number
}

/**
 * A path without wildcards. A set has one for each path that its rules name, so that a thousand rules about ten fields
 * read ten fields.
 */
export class Field {
  readonly path: FieldPath
  readonly round: Round
  #value: unknown = undefined
  #readIn = 0

  constructor(path: FieldPath, round: Round) {
    this.path = path
    this.round = round
  }

  /** The value in the record under check; undefined when it is not there. */
  get value(): unknown {
    return this.#readIn === this.round.number ? this.#value : this.#read()
  }

  #read(): unknown {
    let value = this.round.record
    for (const segment of this.path) {
      value = step(value, segment)
      if (value === undefined) break
    }
    this.#value = plainOf(value)
    this.#readIn = this.round.number
    return this.#value
  }

  /** Forgets the value: between two checks nothing of a record is kept alive. */
  clear(): void {
    this.#value = undefined
  }
}

/** A path with wildcards: a cached way to the first list, and the steps behind each wildcard. */
export class WildcardField {
  readonly list: Field
  readonly #steps: readonly (readonly PathSegment[])[]

  constructor(path: FieldPath, fieldAt: (path: FieldPath) => Field) {
    const first = path.indexOf('*')
    const second = path.indexOf('*', first + 1)
    this.list = fieldAt(path.slice(0, first))
    this.#steps = second < 0 ? [path.slice(first + 1)] : [path.slice(first + 1, second), path.slice(second + 1)]
  }

  /** What is found of all elements together, depth first, up to the first that holds. 0: there is no element. */
  scan(judge: (value: unknown) => Finding): Finding {
    return scanList(this.list.value, this.#steps, 0, judge)
  }
}

function scanList(
  list: unknown,
  steps: readonly (readonly PathSegment[])[],
  depth: number,
  judge: (value: unknown) => Finding,
): Finding {
  const elements = elementsOf(list)
  // The path stops here: that is one element without a value, which each judge finds missing in its own way.
  if (elements === undefined) return judge(undefined)
  let found = 0
  for (let index = 0; index < elements.length; index++) {
    let value: unknown = elements[index]
    const way = steps[depth]!
    for (let at = 0; at < way.length && value !== undefined; at++) value = step(value, way[at]!)
    found |= depth + 1 < steps.length ? scanList(value, steps, depth + 1, judge) : judge(plainOf(value))
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

/** Every value that a path leads to, in the order of `scan`. For telling people, not for the hot path. */
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
    else
      for (const [index, element] of elements.entries()) yield* candidatesFrom(path, at + 1, element, [...way, index])
    return
  }
  yield { path: [...walked, ...path.slice(from)], value: plainOf(value) }
}
