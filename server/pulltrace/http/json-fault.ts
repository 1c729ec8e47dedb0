/**
 * Where a text stops being JSON: V8's message names a position for some faults only.
 * Runs on the error path; iterative, so that depth costs no stack. -1 when the text is JSON.
 * Source: RFC 8259.
 */
export function jsonFaultAt(text: string): number {
  const open: ('{' | '[')[] = []
  let at = skipSpace(text, 0)
  for (;;) {
    // A value begins here.
    const first = text[at]
    if (first === '{' || first === '[') {
      at = skipSpace(text, at + 1)
      const close = first === '{' ? '}' : ']'
      if (text[at] === close) at++
      else {
        open.push(first)
        if (first === '[') continue
        const key = keyEnd(text, at)
        if (key < 0) return -key - 1
        at = key
        continue
      }
    } else {
      const end = scalarEnd(text, at)
      if (end < 0) return -end - 1
      at = end
    }
    // A value ended here: close what can be closed, then the next one must follow a comma.
    for (;;) {
      at = skipSpace(text, at)
      const inside = open.at(-1)
      if (inside === undefined) return at === text.length ? -1 : at
      if (text[at] === ',') {
        at = skipSpace(text, at + 1)
        if (inside === '{') {
          const key = keyEnd(text, at)
          if (key < 0) return -key - 1
          at = key
        }
        break
      }
      if (text[at] !== (inside === '{' ? '}' : ']')) return at
      open.pop()
      at++
    }
  }
}

/** 'line 3, column 7', counted from 1, columns in characters. */
export function placeOf(text: string, at: number): string {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  return `line ${line}, column ${at - before.lastIndexOf('\n')}`
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return at
}

// The functions below answer the index after what they read, or -(index of the fault) - 1.
const literal = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings must not hold them unescaped
const stringPart = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))+/y

function scalarEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at)
  literal.lastIndex = at
  return literal.test(text) ? literal.lastIndex : -at - 1
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  // In bites: one match over megabytes could exhaust the stack of the regex engine.
  while (at < text.length && text[at] !== '"') {
    stringPart.lastIndex = 0
    const bite = text.slice(at, at + 4096)
    stringPart.test(bite)
    if (stringPart.lastIndex === 0) return -at - 1
    at += stringPart.lastIndex
  }
  return text[at] === '"' ? at + 1 : -at - 1
}

function keyEnd(text: string, start: number): number {
  if (text[start] !== '"') return -start - 1
  const end = stringEnd(text, start)
  if (end < 0) return end
  const colon = skipSpace(text, end)
  return text[colon] === ':' ? skipSpace(text, colon + 1) : -colon - 1
}
