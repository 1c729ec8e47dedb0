import type { FieldPath, PathSegment } from '../../core/rules/rule.ts'

/** One value that a path leads to, or the place where it stopped: then `value` is undefined. */
export interface Candidate {
  /** As written, with the wildcards that were passed replaced by indexes. */
  readonly path: FieldPath
  readonly value: unknown
}

/** Every candidate of a path in a record, depth-first and left to right. */
export function candidatesOf(path: FieldPath, record: unknown): readonly Candidate[] {
  return walk(record, [], path)
}

function walk(value: unknown, passed: FieldPath, rest: FieldPath): readonly Candidate[] {
  const [segment, ...after] = rest
  if (segment === undefined) return [{ path: passed, value }]
  if (segment === '*') {
    if (!Array.isArray(value)) return [{ path: [...passed, ...rest], value: undefined }]
    return Array.from(value).flatMap((element, index) => walk(element, [...passed, index], after))
  }
  const step = stepInto(value, segment)
  if (step === undefined) return [{ path: [...passed, ...rest], value: undefined }]
  return walk(step.value, [...passed, segment], after)
}

function stepInto(value: unknown, segment: PathSegment): { readonly value: unknown } | undefined {
  if (typeof segment === 'number') {
    return Array.isArray(value) && segment < value.length ? { value: value[segment] } : undefined
  }
  const key = typeof segment === 'string' ? segment : segment.key
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  // Bytes are neither object nor array: they have no fields.
  if (ArrayBuffer.isView(value)) return undefined
  return Object.hasOwn(value, key) ? { value: (value as Record<string, unknown>)[key] } : undefined
}
