/** What a filter sees of an object: the text of a field path such as `ref` or `labels.team`, undefined when absent. */
export type FieldOf<T> = (object: T, path: readonly string[]) => string | undefined

const token =
  /\s*(?:([\w-]+(?:\.(?:[\w-]+|"(?:[^"\\]|\\.)*"))*)\s*(?:(==|!=|~=)\s*("(?:[^"\\]|\\.)*"|[^\s,]+))?)\s*(,|$)/y

/**
 * containerd's filters (its package filters, 1.6): `field`, `field==value`, `!=`, `~=` (a
 * regular expression); a comma means and, several filters mean or, none means all.
 * Throws a SyntaxError for what it cannot read.
 */
export function compileFilters<T>(filters: readonly string[], fieldOf: FieldOf<T>): (object: T) => boolean {
  const any = filters.map(filter => compileFilter(filter, fieldOf))
  return any.length === 0 ? () => true : object => any.some(matches => matches(object))
}

function compileFilter<T>(filter: string, fieldOf: FieldOf<T>): (object: T) => boolean {
  const all: ((object: T) => boolean)[] = []
  token.lastIndex = 0
  while (token.lastIndex < filter.length) {
    const match = token.exec(filter)
    if (!match) throw new SyntaxError(`cannot parse filter '${filter}'`)
    const path = match[1]!.match(/"(?:[^"\\]|\\.)*"|[^.]+/g)!.map(unquote)
    const test = testOf(match[2], unquote(match[3] ?? ''))
    all.push(object => test(fieldOf(object, path)))
  }
  return object => all.every(matches => matches(object))
}

function testOf(operator: string | undefined, wanted: string): (value: string | undefined) => boolean {
  if (operator === undefined) return value => value !== undefined
  if (operator === '==') return value => value === wanted
  if (operator === '!=') return value => value !== wanted
  const pattern = new RegExp(wanted)
  return value => value !== undefined && pattern.test(value)
}

const unquote = (text: string) => (text.startsWith('"') ? (JSON.parse(text) as string) : text)
