import { notPlain, type Reader, readerOf } from './fields-readers.ts'
import type { FieldPath, PathSegment } from './rule.ts'
import { elementsOf, type Finding, fieldOf, holds, plainOf } from './values.ts'

/** One step down a path; undefined when it cannot be taken. */
function step(value: unknown, segment: PathSegment): unknown {
  if (typeof segment === 'string') return fieldOf(value, segment)
  if (typeof segment === 'number') return elementsOf(value)?.[segment]
  return fieldOf(value, segment.key)
}

/**
 * A path without wildcards, and its value in the record under check. Paths share their beginnings: a thousand rules
 * about ten fields read ten fields.
 */
export class Field {
  /** Undefined: not read yet. Null: not there. */
  value: unknown = undefined
  /** That value is an object whose prototype has no fields but those of every object. */
  isPlain = false
  /** Undefined for the record itself. */
  readonly parent: Field | undefined
  readonly segment: PathSegment
  /** Set, with the reader, when the segment is a key that no plain object inherits. */
  readonly key: string
  readonly reader: Reader | undefined

  constructor(parent?: Field, segment: PathSegment = '') {
    this.parent = parent
    this.segment = segment
    const key = typeof segment === 'object' ? segment.key : segment
    this.key = typeof key === 'string' && !(key in Object.prototype) ? key : ''
    this.reader = this.key === '' ? undefined : readerOf(this.key)
  }
}

/** The fields of a set, each once, read when it is first asked for. */
export class Fields {
  readonly root = new Field()
  readonly all: Field[] = [this.root]
  readonly #known = new Map<string, Field>([['[]', this.root]])

  /** The field of a path, which has no wildcard; without segments it is the record. */
  at(path: FieldPath): Field {
    const key = JSON.stringify(path)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const field = new Field(this.at(path.slice(0, -1)), path.at(-1))
    this.all.push(field)
    this.#known.set(key, field)
    return field
  }

  /** Null when it is not there. */
  valueOf(field: Field): unknown {
    const { value, parent } = field
    if (value !== undefined) return value
    if (parent === undefined) return null
    const read = this.#read(field, parent, this.valueOf(parent)) ?? null
    field.isPlain = false
    field.value = typeof read === 'object' ? (plainOf(read) ?? null) : read
    return field.value
  }

  #read({ key, reader, segment }: Field, parent: Field, from: unknown): unknown {
    if (typeof from !== 'object' || from === null) return undefined
    if (reader === undefined || Array.isArray(from)) return step(from, segment)
    const value = reader(from as Record<string, unknown>, key, parent.isPlain)
    if (value === notPlain) return step(from, segment)
    parent.isPlain = true
    return value
  }

  /** Puts a record under check. */
  open(record: unknown): void {
    this.root.value = record
    this.root.isPlain = false
  }

  /** Forgets all values: between two checks nothing of a record is kept alive. */
  close(): void {
    const { all } = this
    for (let index = 0; index < all.length; index++) all[index]!.value = undefined
  }
}

type Judge = (value: unknown) => Finding
type Steps = readonly PathSegment[]

/** A path with wildcards: a field that leads to the first list, and the steps behind each wildcard. */
export class WildcardField {
  readonly #fields: Fields
  readonly #list: Field
  readonly #steps: readonly Steps[]

  constructor(fields: Fields, path: FieldPath) {
    const first = path.indexOf('*')
    const second = path.indexOf('*', first + 1)
    this.#fields = fields
    this.#list = fields.at(path.slice(0, first))
    this.#steps = second < 0 ? [path.slice(first + 1)] : [path.slice(first + 1, second), path.slice(second + 1)]
  }

  /** What is found of all elements together, depth first, up to the first that holds. 0: there is no element. */
  scan(judge: Judge): Finding {
    return scanList(this.#fields.valueOf(this.#list), this.#steps, 0, judge)
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
