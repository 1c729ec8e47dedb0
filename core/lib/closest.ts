/** The choice a person most likely meant, or undefined when none is near: at most two edits, or only the case differs. */
export function closest(word: string, choices: readonly string[]): string | undefined {
  const lower = word.toLowerCase()
  let best: string | undefined
  let bestEdits = Math.min(2, Math.floor(word.length / 2)) + 1
  for (const choice of choices) {
    const edits = editsBetween(lower, choice.toLowerCase())
    if (edits < bestEdits) {
      best = choice
      bestEdits = edits
    }
  }
  return best
}

/** Levenshtein distance. Words of more than 64 characters are never near: a hostile key must not cost time. */
function editsBetween(a: string, b: string): number {
  if (a.length > 64 || b.length > 64) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
