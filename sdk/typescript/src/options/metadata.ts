import { seenOf } from '../../../../core/lib/seen.ts'

export type Metadata = Readonly<Record<string, string>>

export const maxPairs = 50
export const maxKeyCodePoints = 128
export const maxValueCodePoints = 1_024
export const maxMetadataBytes = 64 * 1_024

/** The pairs that may be sent, and what is wrong with each of the others. */
export function checkMetadata(pairs: Readonly<Record<string, unknown>>): { good: Metadata; faults: readonly string[] } {
  const good: Record<string, string> = {}
  const faults: string[] = []
  let count = 0
  let bytes = 0
  for (const [key, value] of Object.entries(pairs)) {
    const fault = pairFault(key, value)
    const size = fault === undefined ? Buffer.byteLength(key) + Buffer.byteLength(value as string) : 0
    if (fault !== undefined) faults.push(fault)
    else if (count === maxPairs) faults.push(`metadata ${seenOf(key)} is one pair too many: at most ${maxPairs}`)
    else if (bytes + size > maxMetadataBytes) {
      faults.push(`metadata ${seenOf(key)} does not fit: all pairs together must be at most ${maxMetadataBytes} bytes`)
    } else {
      // Not an assignment: the key may be '__proto__'.
      Object.defineProperty(good, key, { value, enumerable: true })
      count++
      bytes += size
    }
  }
  return { good, faults }
}

const control = /\p{Cc}/u
const controlInValue = /[^\P{Cc}\n\t]/u

function pairFault(key: string, value: unknown): string | undefined {
  if (key.startsWith('$')) return "Metadata keys cannot start with '$' (reserved for system use)"
  if (key === '' || longerThan(key, maxKeyCodePoints) || control.test(key)) {
    return `metadata key ${seenOf(key)} must be 1 to ${maxKeyCodePoints} characters without control characters`
  }
  const named = `metadata ${seenOf(key)}`
  if (typeof value !== 'string') return `${named} must be a string, got ${seenOf(value)}`
  if (longerThan(value, maxValueCodePoints)) return `${named} must be at most ${maxValueCodePoints} characters long`
  if (controlInValue.test(value)) return `${named} must not hold control characters other than newline and tab`
  return undefined
}

function longerThan(text: string, codePoints: number): boolean {
  if (text.length <= codePoints) return false
  // Counting has an end: a code point is at most two units.
  return text.length > 2 * codePoints || [...text].length > codePoints
}
