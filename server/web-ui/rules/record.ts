import type { RuleContent } from '../../../core/rules/rule.ts'

/** Of a record that is tried: what an event may have at most. Bytes as UTF-8. */
export const maxRecordBytes = 1024 * 1024

/** Bytes of a record, once for each condition with a wildcard: telling of each value it looks at holds up everybody else. */
const maxExplainedBytes = 8 * 1024 * 1024

/** Why a record is too much for a rule to be explained on; undefined when it is not. */
export function tooMuchToExplain({ any }: Pick<RuleContent, 'any'>, text: string): string | undefined {
  const scanning = any.flatMap(({ all }) => all.filter(({ field }) => field.includes('*'))).length
  const most = Math.floor(maxExplainedBytes / Math.max(1, scanning))
  const bytes = Buffer.byteLength(text)
  if (bytes <= most) return undefined
  return `a record to try with ${scanning} conditions that have a wildcard must be at most ${most} bytes, and this is ${bytes}: cut its lists`
}

export type ParsedRecord =
  | { readonly record: unknown; readonly fault?: undefined }
  | { readonly fault: string; readonly record?: undefined }

/** A record as JSON. Whole numbers beyond 2^53 keep each of their digits, as the sensors of other languages send them. */
export function parseRecord(text: string): ParsedRecord {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxRecordBytes) return { fault: `a record must be at most ${maxRecordBytes} bytes, and this is ${bytes}` }
  try {
    return { record: /\d{16}/.test(text) ? JSON.parse(text, exact) : JSON.parse(text) }
  } catch (reason) {
    return { fault: `a record must be JSON: ${placed((reason as Error).message, text)}` }
  }
}

function exact(_: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  const isInexact = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)
  return isInexact && source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** The engine counts characters; people count lines. */
function placed(message: string, text: string): string {
  const position = /at position (\d+)/.exec(message)?.[1]
  if (position === undefined || message.includes('(line')) return message
  const before = text.slice(0, Number(position)).split('\n')
  return `${message} (line ${before.length} column ${before.at(-1)!.length + 1})`
}
