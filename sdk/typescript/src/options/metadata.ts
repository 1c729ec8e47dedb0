import { seenOf } from '../../../../core/lib/seen.ts'
import { isLongerThan } from '../../../../core/rules/code-points.ts'
import { limits } from '../../../../core/rules/limits.ts'

export type Metadata = Readonly<Record<string, string>>

const {
  metadataPairs: maxPairs,
  metadataKeyLength: maxKeyLength,
  metadataValueLength: maxValueLength,
  metadataBytes: maxBytes,
} = limits

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
    else if (bytes + size > maxBytes) {
      faults.push(`metadata ${seenOf(key)} does not fit: all pairs together must be at most ${maxBytes} bytes`)
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
  if (key === '' || isLongerThan(key, maxKeyLength) || control.test(key)) {
    return `metadata key ${seenOf(key)} must be 1 to ${maxKeyLength} characters without control characters`
  }
  const named = `metadata ${seenOf(key)}`
  if (typeof value !== 'string') return `${named} must be a string, got ${seenOf(value)}`
  if (isLongerThan(value, maxValueLength)) return `${named} must be at most ${maxValueLength} characters long`
  if (controlInValue.test(value)) return `${named} must not hold control characters other than newline and tab`
  return undefined
}
