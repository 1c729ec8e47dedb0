const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

interface Condition {
  readonly sql: string
  readonly params: readonly (string | number)[]
}

/**
 * That a matched value is what somebody typed (`EventFilter.matchedValue`). Sensors of other languages write the same
 * text with other escapes, and the same number with other digits, so values are compared as what they mean: first in
 * the way that is cheap, as it is tried on every event. Beyond 2^53, where SQLite would round, a number is compared by
 * its digits.
 */
export function valueCondition(typed: string): Condition {
  const texts = [typed, quotedText(typed) ?? typed]
  const literals = [typed, ...texts.map(text => JSON.stringify(text))]
  const ways: readonly Condition[] = [
    { sql: 'e.value IN (?, ?, ?)', params: literals },
    {
      sql: `(substr(e.value, 1, 1) = '"' AND instr(e.value, '\\') > 0 AND json_valid(e.value) AND e.value ->> '$' IN (?, ?))`,
      params: texts,
    },
    ...numberWay(typed),
  ]
  return {
    sql: `(NOT e.value_truncated AND (${ways.map(({ sql }) => sql).join(' OR ')}))`,
    params: ways.flatMap(({ params }) => params),
  }
}

/** What is in the quotes of a JSON text. */
function quotedText(typed: string): string | undefined {
  if (!typed.startsWith('"')) return undefined
  try {
    const value: unknown = JSON.parse(typed)
    return typeof value === 'string' ? value : undefined
  } catch {
    // A text that begins with a quotation mark.
    return undefined
  }
}

function numberWay(typed: string): readonly Condition[] {
  const number = jsonNumber.test(typed) ? Number(typed) : Number.NaN
  if (!(Math.abs(number) <= Number.MAX_SAFE_INTEGER)) return []
  const sql = `(e.value GLOB '[-0-9]*' AND CAST(e.value AS REAL) = ? AND json_valid(e.value))`
  return [{ sql, params: [number] }]
}
