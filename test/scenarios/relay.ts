import { type EventEmitter, once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import type { AgentReport, AgentReportAnswer } from '../../core/contract/agent-report.ts'

export interface RelayedReport {
  /** When it came from the agent. Epoch ms. */
  readonly atMs: number
  readonly report: AgentReport
  /** Undefined: the server was not there, or the relay did not ask it. */
  readonly status: number | undefined
  readonly answer: AgentReportAnswer | undefined
  /** Whether the agent got the answer. */
  readonly answered: boolean
}

/**
 * `pass` hands everything on; `refuse` ends each connection before the server hears of it; `lose-answers` lets the
 * server take the report, and ends the connection instead of answering.
 */
export type RelayMode = 'pass' | 'refuse' | 'lose-answers'

/** Stands between an agent and its server, and keeps every report and every answer. */
export interface Relay {
  readonly url: string
  readonly reports: readonly RelayedReport[]
  mode: RelayMode
  stop(): Promise<void>
}

export interface RelayOptions {
  /** Asked for each report. */
  readonly serverUrl: () => string
  /** Emits 'change' after each report. */
  readonly changes: EventEmitter
  /** What must be looked at before the server hears of this report. */
  readonly onReport: (report: AgentReport) => Promise<void>
}

export async function startRelay({ serverUrl, changes, onReport }: RelayOptions): Promise<Relay> {
  const reports: RelayedReport[] = []
  const agent = new http.Agent({ keepAlive: true })

  const handOn = async (request: IncomingMessage, body: Buffer) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ answer: IncomingMessage; text: Buffer }>()
    const target = new URL(request.url ?? '/', serverUrl())
    const headers = { ...request.headers, host: target.host }
    const inner = http.request(target, { method: request.method ?? 'POST', headers, agent }, answer => {
      buffer(answer).then(text => resolve({ answer, text }), reject)
    })
    inner.on('error', reject)
    inner.end(body)
    return promise
  }

  const server = http.createServer(async (request, response) => {
    const body = await buffer(request)
    const atMs = Date.now()
    const json = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    const report = JSON.parse(json.toString()) as AgentReport
    const { mode } = relay
    const keep = (status?: number, answer?: AgentReportAnswer, answered = false) => {
      reports.push({ atMs, report, status, answer, answered })
      changes.emit('change')
    }
    await onReport(report)
    if (mode === 'refuse') {
      keep()
      response.destroy()
      return
    }
    try {
      const { answer, text } = await handOn(request, body)
      const status = answer.statusCode ?? 0
      const parsed = status === 200 ? (JSON.parse(text.toString()) as AgentReportAnswer) : undefined
      keep(status, parsed, mode === 'pass')
      if (mode === 'pass') response.writeHead(status, answer.headers).end(text)
      else response.destroy()
    } catch {
      // The server is not there: the agent sees what it would see without a relay.
      keep()
      response.destroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reports,
    mode: 'pass',
    async stop() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      agent.destroy()
      await closed.promise
    },
  }
  return relay
}
