const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * That a matched value is what somebody typed (`EventFilter.matchedValue`). Sensors of other languages write the same
 * text with other escapes, and the same number with other digits, so values are compared as what they mean. Beyond
 * 2^53, where SQLite would round, a number is compared by its digits.
 */
export function valueCondition(typed: string): { readonly sql: string; readonly params: (string | number)[] } {
  return {
    sql: `CASE WHEN e.value IS NULL OR e.value_truncated THEN 0
      WHEN e.value = ? THEN 1
      WHEN NOT json_valid(e.value) THEN 0
      WHEN json_type(e.value) = 'text' THEN (e.value ->> '$') IN (?, ?)
      WHEN json_type(e.value) IN ('integer', 'real') THEN ? AND (e.value ->> '$') = ?
      ELSE 0 END`,
    params: [typed, typed, quotedText(typed) ?? typed, ...numberOf(typed)],
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

/** Whether it is a number that can be compared, and which. */
function numberOf(typed: string): [0 | 1, number] {
  const number = jsonNumber.test(typed) ? Number(typed) : Number.NaN
  return Math.abs(number) <= Number.MAX_SAFE_INTEGER ? [1, number] : [0, 0]
}
