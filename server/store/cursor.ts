import { Code, PulltraceError } from '../../core/lib/errors.ts'

/**
 * Where a page ended, as an opaque text. The kind is part of it, so that a cursor
 * of one list is not taken for a place in another.
 */
export function encodeCursor(kind: string, place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify([kind, ...place])).toString('base64url')
}

/** The numbers and texts that went in. Throws Code.Invalid unless they have these types. */
export function decodeCursor(
  kind: string,
  types: readonly ('string' | 'number')[],
  cursor: string,
): (string | number)[] {
  const [seenKind, ...place] = parse(cursor)
  const fits = place.length === types.length && place.every((value, i) => typeof value === types[i])
  const integers = place.every(value => typeof value !== 'number' || Number.isSafeInteger(value))
  if (seenKind === kind && fits && integers) return place as (string | number)[]
  throw new PulltraceError(Code.Invalid, '`cursor` must be a `nextCursor` of the same list', {
    path: 'cursor',
    bound: 'a `nextCursor` of the same list',
    seen: cursor.slice(0, 64),
    fix: 'start again without `cursor`',
  })
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    // Not ours: the caller says so.
    return []
  }
}
