import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Logger } from '../../core/lib/log.ts'
import type { Env } from '../../core/lib/settings.ts'
import { main } from './main.ts'

export interface Logged {
  readonly level: string
  readonly message: string
  readonly fields: Record<string, unknown> | undefined
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string
  readonly metricsUrl: string
  readonly dataDir: string
  readonly logged: readonly Logged[]
  /** As SIGTERM does; resolves when everything is closed. */
  stop(): Promise<void>
}

/** The whole real server in this process, on free ports, with its history in a folder of its own. */
export async function startServer(env: Env = {}): Promise<RunningServer> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'pulltrace-server-'))
  const stop = new AbortController()
  const logged: Logged[] = []
  const listening = Promise.withResolvers<{ url: string; metricsUrl: string }>()
  const settings = {
    PULLTRACE_HTTP_ADDR: '127.0.0.1:0',
    PULLTRACE_METRICS_ADDR: '127.0.0.1:0',
    PULLTRACE_READER_AUTH: 'none',
    PULLTRACE_DATA_DIR: dataDir,
    ...env,
  }
  const ended = main(settings, stop.signal, {
    log: recorder(logged),
    onListening: (url, metricsUrl) => listening.resolve({ url, metricsUrl }),
  })
  const stopped = ended.finally(() => rm(dataDir, { recursive: true, force: true }))
  // Rejects when it does not start; afterwards `stop` tells.
  stopped.catch(listening.reject)
  const urls = await listening.promise
  const end = async () => {
    stop.abort()
    await stopped
  }
  return { ...urls, dataDir, logged, stop: end, [Symbol.asyncDispose]: end }
}

function recorder(logged: Logged[]): Logger {
  const at = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    logged.push({ level, message, fields })
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A good report: node-a with one pull of two layers; `seq` must rise from report to report. */
export function goodReport(seq = 1, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    nodeName: 'node-a',
    timestamp: new Date().toISOString(),
    agent: { version: '0.1.0', epoch: 'epoch-one', seq },
    pulls: [goodPull()],
    ...changes,
  }
}

export function goodPull(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: 'a'.repeat(26),
    imageRef: 'registry.example.com/team/app:v1',
    phase: 'downloading',
    startedAt: '2026-11-21T10:00:00Z',
    totalKnown: true,
    layers: [goodLayer('1'), goodLayer('2')],
    ...changes,
  }
}

export const goodLayer = (digit: string, changes: Record<string, unknown> = {}) => ({
  digest: `sha256:${digit.repeat(64)}`,
  totalBytes: 1000,
  downloadedBytes: 400,
  totalKnown: true,
  state: 'downloading',
  ...changes,
})

/** POSTs JSON, or bytes as they are. */
export const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    body: typeof body === 'string' || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
