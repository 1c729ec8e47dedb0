/** Nested deeper than this a value is taken for a cycle that `toJSON` or getters make anew at each level. */
const maxDepth = 1_000

export type JsonText = { readonly text: string } | { readonly failed: 'too_large' | 'not_json' }

/**
 * A value as JSON text, as events carry it: NaN is null, infinities are strings, bigints are all their digits, times
 * are RFC 3339, bytes are base64, sets are arrays, maps are objects, unpaired surrogates are U+FFFD; what `toJSON`
 * returns stands for its object. Stops as soon as the text has more than `maxLength` UTF-16 units, so that a huge
 * record costs no more than a large one. Cycles, and getters that throw, are `not_json`.
 */
export function jsonOf(value: unknown, maxLength: number): JsonText {
  const writer = new Writer(maxLength)
  try {
    if (!writer.write(value, 0)) writer.add('null')
    return { text: writer.text }
  } catch (reason) {
    return { failed: reason === tooLarge ? 'too_large' : 'not_json' }
  }
}

const tooLarge = Symbol('the text is too long')

class Writer {
  text = ''
  readonly #maxLength: number
  readonly #ancestors: object[] = []

  constructor(maxLength: number) {
    this.#maxLength = maxLength
  }

  add(text: string): void {
    this.text += text
    if (this.text.length > this.#maxLength) throw tooLarge
  }

  /** False, with nothing written, for what JSON leaves out: undefined, functions, symbols. */
  write(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        this.#string(value)
        return true
      case 'number':
        this.add(numberText(value))
        return true
      case 'boolean':
      case 'bigint':
        this.add(String(value))
        return true
      case 'object':
        if (value === null) this.add('null')
        else return this.#object(value, depth)
        return true
      default:
        return false
    }
  }

  #string(text: string): void {
    // Quoting a hundred megabytes to find that they are too many would be the cost that the limit is for.
    if (text.length > this.#maxLength) throw tooLarge
    this.add(JSON.stringify(text.toWellFormed()))
  }

  #object(value: object, depth: number): boolean {
    if (value instanceof Date) {
      this.add(Number.isNaN(value.getTime()) ? 'null' : `"${timeText(value)}"`)
      return true
    }
    if (value instanceof Uint8Array) {
      this.#string(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'))
      return true
    }
    if (depth === maxDepth || this.#ancestors.includes(value)) throw new TypeError('a cycle')
    this.#ancestors.push(value)
    const written = this.#nested(value, depth + 1)
    this.#ancestors.pop()
    return written
  }

  #nested(value: object, depth: number): boolean {
    if ('toJSON' in value && typeof value.toJSON === 'function') return this.write(value.toJSON(''), depth)
    if (Array.isArray(value) || value instanceof Set || ArrayBuffer.isView(value)) {
      this.#array(value as unknown as Iterable<unknown>, depth)
    } else {
      this.#members(value instanceof Map ? value : Object.keys(value), value, depth)
    }
    return true
  }

  #array(items: Iterable<unknown>, depth: number): void {
    let separator = '['
    for (const item of items) {
      this.add(separator)
      if (!this.write(item, depth)) this.add('null')
      separator = ','
    }
    this.add(separator === '[' ? '[]' : ']')
  }

  #members(members: Map<unknown, unknown> | readonly string[], value: object, depth: number): void {
    let empty = true
    const member = (key: string, item: unknown) => {
      if (item === undefined || typeof item === 'function' || typeof item === 'symbol') return
      this.add(empty ? '{' : ',')
      empty = false
      this.#string(key)
      this.add(':')
      if (!this.write(item, depth)) this.add('null')
    }
    if (members instanceof Map) for (const [key, item] of members) member(String(key), item)
    else for (const key of members) member(key, (value as Record<string, unknown>)[key])
    this.add(empty ? '{}' : '}')
  }
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'null'
  // -0 prints as 0, and all other finite numbers print as JSON has them.
  return Number.isFinite(value) ? String(value) : `"${value}"`
}

/** UTC with the shortest exact fraction: `2026-01-31T08:00:00Z`, `2026-01-31T08:00:00.25Z`. */
const timeText = (time: Date) => time.toISOString().replace(/\.?0*Z$/, 'Z')
