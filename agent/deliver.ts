import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { urlToHttpOptions } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { AgentReport, AgentReportAnswer } from '../core/contract/agent-report.ts'
import { PulltraceError } from '../core/lib/errors.ts'
import type { Secret } from '../core/lib/secret.ts'
import { parseReportAnswer } from './answer.ts'

/** What became of a report. Only `answered` changes anything; the next report is complete in itself. */
export type Delivery =
  | { readonly outcome: 'answered'; readonly answer: AgentReportAnswer }
  | {
      readonly outcome: 'refused'
      readonly status: number
      readonly message: string
      /** What in the report was refused, where the server says so: `pulls[2].layers[0].digest`. */
      readonly path: string | undefined
      readonly retryAfterMs: number | undefined
    }
  | { readonly outcome: 'unreachable'; readonly message: string }

/** Where reports go. Never rejects; resolves within its deadline. */
export interface ReportSink {
  deliver(report: AgentReport, signal: AbortSignal): Promise<Delivery>
  close(): void
}

export interface SinkOptions {
  readonly serverUrl: URL
  /** Read before each report, since projected tokens are renewed in place. */
  readonly token: () => Secret | undefined
  readonly caFile: string | undefined
}

export const deliverDeadlineMs = 10_000
const maxAnswerBytes = 8 * 1024 * 1024

/**
 * Below this a report costs the server more to decompress than the network to carry: a node with
 * five pulls sends 11 KB. Above it, a busy or long unheard node sends a tenth of its bytes.
 */
export const gzipAboveBytes = 64 * 1024

export function createReportSink({ serverUrl, token, caFile }: SinkOptions): ReportSink {
  const url = new URL('api/v1/report', serverUrl.href.endsWith('/') ? serverUrl : `${serverUrl.href}/`)
  const { request, Agent } = url.protocol === 'https:' ? https : http
  // Taken apart once, and not for each report.
  const target = urlToHttpOptions(url)
  let ca: string | undefined
  let connections: http.Agent | undefined
  /** One connection, kept for as long as the server keeps it: reports come every few seconds, for months. */
  const connectionsNow = (): http.Agent => {
    const text = caFile === undefined ? undefined : readFileSync(caFile, 'utf8')
    if (connections && text === ca) return connections
    connections?.destroy()
    ca = text
    connections = new Agent({
      keepAlive: true,
      maxSockets: 1,
      ...(text !== undefined && { ca: text }),
    } as https.AgentOptions)
    return connections
  }

  const post = (body: Buffer, headers: http.OutgoingHttpHeaders, signal: AbortSignal, untilMs: number) =>
    new Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }>((resolve, reject) => {
      signal.throwIfAborted()
      const sent = request({ ...target, method: 'POST', agent: connectionsNow(), headers }, response => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength
          if (bytes > maxAnswerBytes) sent.destroy(new Error(`the answer has more than ${maxAnswerBytes} bytes`))
          else chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        )
      })
      sent.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed an idle connection just as we wrote: no report was read, and a new one works.
        if (sent.reusedSocket && error.code === 'ECONNRESET') resolve(post(body, headers, signal, untilMs))
        else reject(error)
      })
      // By hand: a signal made for each report, of this one and a timer, would cost as much as the request.
      // And said by hand: once an answer has begun, its end says "aborted", and Node does not promise which it tells first.
      const giveUp = (reason: Error) => {
        reject(reason)
        sent.destroy(reason)
      }
      const stop = () => giveUp(signal.reason)
      const late = () => giveUp(new Error(`no answer within ${deliverDeadlineMs} ms`))
      const timer = setTimeout(late, untilMs - performance.now())
      signal.addEventListener('abort', stop)
      sent.on('close', () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
      })
      sent.end(body)
    })

  return {
    async deliver(report, signal) {
      try {
        const json = Buffer.from(JSON.stringify(report))
        const zipped = json.byteLength > gzipAboveBytes
        const body = zipped ? gzipSync(json, { level: 1 }) : json
        const secret = token()
        const headers = {
          'content-type': 'application/json',
          'content-length': body.byteLength,
          ...(zipped && { 'content-encoding': 'gzip' }),
          ...(secret && { authorization: `Bearer ${secret.reveal()}` }),
        }
        const untilMs = performance.now() + deliverDeadlineMs
        const { status, headers: answered, text } = await post(body, headers, signal, untilMs)
        if (status === 200) return { outcome: 'answered', answer: parseReportAnswer(JSON.parse(text)) }
        return {
          outcome: 'refused',
          status,
          ...refusalOf(text),
          retryAfterMs: retryAfterMsOf(answered['retry-after']),
        }
      } catch (reason) {
        return { outcome: 'unreachable', message: reasonOf(reason) }
      }
    },
    close: () => connections?.destroy(),
  }
}

/** The server's own words, else the beginning of what some proxy said. */
function refusalOf(text: string): { readonly message: string; readonly path: string | undefined } {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown; path?: unknown } }
    if (typeof error?.message === 'string') {
      return { message: error.message.slice(0, 500), path: typeof error.path === 'string' ? error.path : undefined }
    }
  } catch {
    // Not ours: a proxy's page.
  }
  return { message: text.slice(0, 200), path: undefined }
}

/** RFC 9110 §10.2.3: seconds, or a date. */
export function retryAfterMsOf(value: string | undefined, nowMs = Date.now()): number | undefined {
  if (value === undefined) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function reasonOf(reason: unknown): string {
  const error = PulltraceError.from(reason)
  const code = (reason as NodeJS.ErrnoException | undefined)?.code
  return error.message === '' ? (code ?? 'no answer') : error.message
}
