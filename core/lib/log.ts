import { type DestinationStream, pino } from 'pino'

/** Structured log: a constant lower-case sentence, and fields with the same words. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]

/**
 * One JSON object a line on stderr; an `error` field is written with its code,
 * stack and cause. JSON escapes control characters, so text from outside cannot forge a line.
 */
export function createLogger(program: string, level: LogLevel, out: DestinationStream = pino.destination(2)): Logger {
  const log = pino(
    {
      level,
      base: { program },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause },
    },
    out,
  )
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  }
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
