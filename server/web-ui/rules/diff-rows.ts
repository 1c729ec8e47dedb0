import { diffLines } from 'diff'

export interface DiffLine {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** One row of two texts side by side; a side is absent where the other has a line more. */
export interface DiffRow {
  readonly kind: 'same' | 'changed'
  readonly left?: DiffLine | undefined
  readonly right?: DiffLine | undefined
}

/** With more of them two texts have little in common, and finding it takes seconds: they stand whole beside each other. */
const mostEdits = 2000

/** Two texts line by line: lines that changed stand beside what they became. */
export function diffRows(left: string, right: string): readonly DiffRow[] {
  const rows: DiffRow[] = []
  let [leftAt, rightAt] = [0, 0]
  let removed: readonly string[] = []
  const flush = (added: readonly string[]) => {
    for (let at = 0; at < Math.max(removed.length, added.length); at++) {
      const old = removed[at] === undefined ? undefined : { number: ++leftAt, text: removed[at]! }
      const now = added[at] === undefined ? undefined : { number: ++rightAt, text: added[at]! }
      rows.push({ kind: 'changed', left: old, right: now })
    }
    removed = []
  }
  const changes = diffLines(left, right, { maxEditLength: mostEdits }) ?? [
    { value: left, removed: true, added: false },
    { value: right, removed: false, added: true },
  ]
  for (const { value, added, removed: isRemoved } of changes) {
    const lines = linesOf(value)
    if (isRemoved) removed = lines
    else if (added) flush(lines)
    else {
      flush([])
      for (const text of lines) {
        rows.push({ kind: 'same', left: { number: ++leftAt, text }, right: { number: ++rightAt, text } })
      }
    }
  }
  flush([])
  return rows
}

const linesOf = (text: string) => (text === '' ? [] : (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n'))
