import { harmlessJson } from '../../../core/lib/harmless.ts'
import type { Logger } from './logger.ts'

const line = (message: string, fields: Record<string, unknown> = {}) => {
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`)
  return `trapperkeeper sensor: ${[message, ...rest].join(' ')}`
}
// Text from a server must not forge lines of its own, nor reach a terminal as anything but text.
function textOf(value: unknown): string {
  try {
    return harmlessJson(value instanceof Error ? value.message : value)
  } catch {
    // Anything can be thrown by the getter of a record; a log line must not throw it again.
    return typeof value
  }
}

/** Warnings and errors on stderr, one line each; a job's stdout is its own. */
export const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (message, fields) => console.warn(line(message, fields)),
  error: (message, fields) => console.error(line(message, fields)),
}
