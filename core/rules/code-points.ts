/**
 * Order by code point, as other languages have it. JavaScript's own order is by UTF-16 unit, which puts U+1F600 (a
 * surrogate pair) before U+FF01.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left === right) continue
    // Both texts have the unit before: a high surrogate is half of a pair in one of them and alone in the other.
    if (isHigh(a.charCodeAt(index - 1)) && isLow(left) !== isLow(right)) return isLow(left) ? 1 : -1
    return rankAt(a, index, left) - rankAt(b, index, right)
  }
  return a.length - b.length
}

/** The code point that a unit begins. The second half of a pair is compared with another such half, by itself. */
function rankAt(text: string, index: number, unit: number): number {
  return isHigh(unit) ? text.codePointAt(index)! : unit
}

export const isHigh = (unit: number) => unit >= 0xd800 && unit <= 0xdbff
export const isLow = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff

/** True when the text has more code points than that. Reads no more of it than it must. */
export function isLongerThan(text: string, codePoints: number): boolean {
  if (text.length <= codePoints) return false
  if (text.length > codePoints * 2) return true
  let count = 0
  for (const _ of text) if (++count > codePoints) return true
  return false
}
