import type { Context } from 'koa'
import {
  type AgentReport,
  type AgentReportAnswer,
  type AgentReportV1,
  parseAgentReport,
} from '../../../core/contract/agent-report.ts'
import { maxReportBytes } from '../../../core/contract/words.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { AgentAuth, AgentIdentity } from './auth.ts'
import { type BodyBudget, readJson } from './body.ts'
import { securityHeaders } from './security-headers.ts'

/** Where a good report goes. `reports/` answers it; a promise only when it had to wait for the disk. */
export interface ReportTaker {
  accept(report: AgentReport | AgentReportV1): AgentReportAnswer | Promise<AgentReportAnswer>
}

export interface ReportParts {
  readonly intake: ReportTaker
  readonly agents: AgentAuth
  readonly budget: BodyBudget
  /** One word for each report: 'accepted', 'stale' or an error code. */
  readonly counted: (result: string, bytes: number) => void
}

/** POST /api/v1/report: who, what, whether it is good, then the merge. Nothing changes unless all of it is good. */
export function takeReport({ intake, agents, budget, counted }: ReportParts) {
  return async (ctx: Context): Promise<void> => {
    let bytes = 0
    try {
      const verdict = agents(ctx.req.headers.authorization, ctx.req.socket.remoteAddress)
      const identity = verdict instanceof Promise ? await verdict : verdict
      const body = await readJson(ctx.req, maxReportBytes, budget)
      bytes = body.bytes
      try {
        const report = parseAgentReport(body.value)
        checkNode(identity, report.nodeName)
        const answer = intake.accept(report)
        const taken = answer instanceof Promise ? await answer : answer
        answerJson(ctx, taken)
        counted(taken.accepted ? 'accepted' : 'stale', bytes)
      } finally {
        budget.give(bytes)
      }
    } catch (reason) {
      const error = PulltraceError.from(reason)
      counted(error.code, bytes)
      throw error
    }
  }
}

/** Straight to the response: Koa's way from a body to bytes costs a tenth of a whole report, and reports are most requests. */
function answerJson(ctx: Context, answer: AgentReportAnswer): void {
  const text = JSON.stringify(answer)
  ctx.respond = false
  ctx.res.writeHead(200, {
    ...securityHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(text),
  })
  ctx.res.end(text)
}

function checkNode({ nodeName }: AgentIdentity, reported: string): void {
  if (nodeName === undefined || nodeName === reported) return
  throw new PulltraceError(Code.PermissionDenied, `the token belongs to node '${nodeName}', not to '${reported}'`, {
    path: 'nodeName',
    bound: `'${nodeName}'`,
    seen: `'${reported}'`,
  })
}
