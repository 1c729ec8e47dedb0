import type { AgentReportAnswer, AwaitedPull } from '../core/contract/agent-report.ts'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { seenOf } from '../core/lib/seen.ts'

/**
 * Reads what the server answers, exactly as the schema AgentReportAnswer would: by hand, since the library of the
 * schemas takes more memory than the whole rest of the agent. Throws Code.Invalid at the first fault.
 */
export function parseReportAnswer(value: unknown): AgentReportAnswer {
  const answer = objectAt('answer', value)
  for (const name of ['accepted', 'acknowledged']) {
    check(name, typeof answer[name] === 'boolean', 'of type boolean', answer[name])
  }
  if (Object.hasOwn(answer, 'reason')) checkText('reason', answer['reason'])
  for (const name of ['reportIntervalMs', 'idleReportIntervalMs']) {
    const ms = answer[name]
    check(name, Number.isInteger(ms) && (ms as number) >= 1, 'an integer greater than or equal to 1', ms)
  }
  const { awaiting } = answer
  check('awaiting', Array.isArray(awaiting), 'of type array', awaiting)
  for (const [index, pull] of (awaiting as unknown[]).entries()) checkAwaited(`awaiting[${index}]`, pull)
  return value as AgentReportAnswer
}

function checkAwaited(path: string, value: unknown): void {
  const pull = objectAt(path, value)
  for (const name of ['id', 'imageRef'] satisfies (keyof AwaitedPull)[]) checkText(`${path}.${name}`, pull[name])
  if (Object.hasOwn(pull, 'digest')) checkText(`${path}.digest`, pull['digest'])
  const { startedAt } = pull
  const time = typeof startedAt === 'string' && isTime(startedAt)
  check(`${path}.startedAt`, time, "an RFC 3339 time such as '2026-11-21T10:00:00Z'", startedAt)
}

const rfc3339 =
  /^(\d{4}-\d\d)-(\d\d)[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/

function isTime(text: string): boolean {
  const match = rfc3339.exec(text)
  if (!match) return false
  // Date takes the 30th of February for the 2nd of March.
  const lastDay = new Date(`${match[1]}-01T00:00:00Z`)
  lastDay.setUTCMonth(lastDay.getUTCMonth() + 1, 0)
  const day = Number(match[2])
  const ms = Date.parse(text)
  return day >= 1 && day <= lastDay.getUTCDate() && ms >= firstMs && ms <= lastMs
}

/** An offset may lead out of the years that can be written again. */
const firstMs = Date.parse('0000-01-01T00:00:00Z')
const lastMs = Date.parse('9999-12-31T23:59:59.999Z')

const checkText = (path: string, value: unknown) => check(path, typeof value === 'string', 'of type string', value)

function objectAt(path: string, value: unknown): Record<string, unknown> {
  const object = typeof value === 'object' && value !== null && !Array.isArray(value)
  check(path, object, 'of type object', value)
  return value as Record<string, unknown>
}

function check(path: string, good: boolean, bound: string, value: unknown): void {
  if (good) return
  const seen = seenOf(value)
  throw new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}, got ${seen}`, { path, bound, seen })
}
