type Fieldful = Record<string, unknown>

/** What a reader gives when the object is not a plain one, whose fields need closer questions. */
export const notPlain: unique symbol = Symbol('not plain')

/** Reads a field of an object. `knownPlain`: it was read before, so its prototype need not be asked for. */
export type Reader = (object: Fieldful, key: string, knownPlain: boolean) => unknown

const { getPrototypeOf, prototype } = Object

function checked(object: Fieldful, value: unknown, knownPlain: boolean): unknown {
  return knownPlain || getPrototypeOf(object) === prototype ? value : notPlain
}

/** For every key beyond those that have a reader of their own. */
const readAny: Reader = (object, key, knownPlain) => checked(object, object[key], knownPlain)

/**
 * The same function again and again: V8 remembers for each place in the source where the fields read there lie. A place
 * that reads one key, of objects of a few shapes, costs what a read by name in hand-written code does (1 ns with the
 * question for the prototype, seen with Node 24); a place that reads every key costs 20. Each key of any rule of the
 * process gets one for good, first come, first served.
 */
const own: readonly Reader[] = [
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
  (o, k, plain) => checked(o, o[k], plain),
]

const readers = new Map<string, Reader>()

export function readerOf(key: string): Reader {
  const known = readers.get(key)
  if (known !== undefined) return known
  const reader = own[readers.size]
  if (reader === undefined) return readAny
  readers.set(key, reader)
  return reader
}
