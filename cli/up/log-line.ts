import pc from 'picocolors'
import { harmless } from '../../core/lib/harmless.ts'
import { logLevels } from '../../core/lib/log.ts'

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A line of a program's log, or undefined for text that is none: a stack trace, a warning of Node's. */
export function parseLogLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const { level, msg, time: _time, program: _program, ...fields } = JSON.parse(text) as Record<string, unknown>
    return typeof level === 'string' && typeof msg === 'string' ? { level, message: msg, fields } : undefined
  } catch {
    return undefined
  }
}

/** Of a secret that should be elsewhere than the database: on one machine it would be the file beside it. */
const secretInDatabase = 'hmac secret kept in the database: set TK_HMAC_SECRET in production'

/** The sensors here have the clock of this machine: what seems to differ is how long a busy one took to send. */
const clockDiffers = 'clock of a sensor differs'
const busyMs = 5000

/**
 * Whether the line is at least of this level. What is no log line, or of a level that is not known, always is; a warning
 * that means nothing on one machine never.
 */
export function isShown(text: string, least: string): boolean {
  const rank = (level: string) => (logLevels as readonly string[]).indexOf(level)
  const line = parseLogLine(text)
  if (line?.message === secretInDatabase) return false
  if (line?.message === clockDiffers && Math.abs(Number(line.fields['driftMs'])) < busyMs) return false
  return line === undefined || rank(line.level) === -1 || rank(line.level) >= rank(least)
}

/** How our programs begin their last line when an error ends them. */
const lastWords = ['not started', 'stopped by an error', 'demo runtime cannot run']

/** The error that ends a program, when the line is its last word; undefined for every other line. */
export function endingErrorOf(
  text: string,
): { readonly message: string; readonly fix: string | undefined } | undefined {
  const line = parseLogLine(text)
  if (line?.level !== 'error' || !lastWords.includes(line.message)) return undefined
  const { message, details } = Object(line.fields['error']) as { message?: unknown; details?: { fix?: unknown } }
  return { message: String(message ?? line.message), fix: details?.fix === undefined ? undefined : String(details.fix) }
}

/** One line for a person: level, sentence, fields as `key=value`, and of an error what went wrong and what to do. */
export function formatLogLine(text: string, color: boolean): string {
  const line = parseLogLine(text)
  if (line === undefined) return harmless(text)
  const colors = pc.createColors(color)
  const { level, message, fields } = line
  const paint = level === 'error' ? colors.red : level === 'warn' ? colors.yellow : (plain: string) => plain
  const rest = Object.entries(fields).map(
    ([key, value]) => `${colors.dim(`${harmless(key)}=`)}${valueText(key, value)}`,
  )
  return [paint(`${level.padEnd(5)} ${harmless(message)}`), ...rest].join(' ')
}

function valueText(key: string, value: unknown): string {
  if (key === 'error' && typeof value === 'object' && value !== null) {
    const { message, details } = value as { message?: unknown; details?: { fix?: unknown } }
    const fix = details?.fix === undefined ? '' : ` (${details.fix})`
    return quoted(`${message ?? JSON.stringify(value)}${fix}`)
  }
  return typeof value === 'string' ? quoted(value) : harmless(plain(value))
}

/** Objects and lists as a person would write them: `id=a fingerprint=b`, `a,b`, and an address as `host:port`. */
function plain(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(plain).join(',')
  if (typeof value !== 'object' || value === null) return String(value)
  const { address, port } = value as { address?: unknown; port?: unknown }
  if (typeof address === 'string' && typeof port === 'number')
    return `${address.includes(':') ? `[${address}]` : address}:${port}`
  const fields = Object.entries(value).map(([key, inner]) => `${key}=${plain(inner)}`)
  return `(${fields.join(' ')})`
}

const quoted = (text: string) => (/^[\w./:@%+-]+$/.test(text) ? text : `"${harmless(text).replaceAll('"', "'")}"`)
