import { isLongerThan } from '../../../core/rules/code-points.ts'
import { limits } from '../../../core/rules/limits.ts'

/** Everything below C0 and C1 but newline and tab. */
const control = /(?![\n\t])\p{Cc}/u

/** What is wrong with it, or undefined. Keys of the server, `$tk.*`, are not looked at: they are taken out. */
export function metadataFault(metadata: Readonly<Record<string, string>>): string | undefined {
  const pairs = Object.entries(metadata).filter(([key]) => !isServerKey(key))
  if (pairs.length === 0) return undefined
  const { metadataPairs: maxPairs, metadataKeyLength, metadataValueLength, metadataBytes: maxBytes } = limits
  if (pairs.length > maxPairs) return `metadata must have at most ${maxPairs} pairs, got ${pairs.length}`
  let bytes = 0
  for (const [key, value] of pairs) {
    if (key === '') return 'metadata keys must not be empty'
    if (key.startsWith('$')) return "Metadata keys cannot start with '$' (reserved for system use)"
    const name = JSON.stringify(key.slice(0, 60))
    if (isLongerThan(key, metadataKeyLength))
      return `metadata keys must have at most ${metadataKeyLength} characters, got ${name}…`
    if (isLongerThan(value, metadataValueLength))
      return `metadata ${name} must have at most ${metadataValueLength} characters`
    if (control.test(key) || control.test(value)) return `metadata ${name} must have no control characters`
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  return bytes > maxBytes ? `metadata must be at most ${maxBytes} bytes, got ${bytes}` : undefined
}

const isServerKey = (key: string): boolean => key.startsWith('$tk.')

/** Without the keys that only the server writes; and how many there were. */
export function withoutServerKeys(metadata: Readonly<Record<string, string>>): {
  readonly kept: Readonly<Record<string, string>>
  readonly stripped: number
} {
  const pairs = Object.entries(metadata)
  const kept = pairs.filter(([key]) => !isServerKey(key))
  const stripped = pairs.length - kept.length
  return { kept: stripped === 0 ? metadata : Object.fromEntries(kept), stripped }
}

/** What an SDK may tell of its process. */
const systemKeys = [
  'hostname',
  'ip',
  'process_id',
  'thread_id',
  'os_type',
  'os_version',
  'api_type',
  'api_version',
  'k8s_pod_name',
  'k8s_pod_namespace',
] as const
const systemValueLength = 256

/** The allow-listed pairs as `$tk.*`; what is not listed, or not of a kind to be shown, is left out. */
export function systemPairs(given: Readonly<Record<string, string>>): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const key of systemKeys) {
    const value = Object.hasOwn(given, key) ? given[key]! : ''
    if (value !== '' && value.length <= systemValueLength && !control.test(value)) pairs[`$tk.${key}`] = value
  }
  return pairs
}
