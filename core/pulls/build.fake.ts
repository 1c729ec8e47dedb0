import type { AgentReport, ReportedPull } from '../contract/agent-report.ts'
import type { Layer } from '../contract/pull.ts'
import type { MergeContext } from './merge.ts'

/** Builders for tests: only what matters is said, the rest is a pull of two layers on node-a. */

export const epochMs = Date.parse('2026-11-21T10:00:00Z')
export const at = (seconds: number) => new Date(epochMs + seconds * 1000).toISOString()

export const digestOf = (name: string) => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`

export function layer(name: string, downloadedBytes: number, totalBytes = 1000, more: Partial<Layer> = {}): Layer {
  const state = downloadedBytes === totalBytes ? 'downloaded' : downloadedBytes > 0 ? 'downloading' : 'waiting'
  return { digest: digestOf(name), totalBytes, downloadedBytes, totalKnown: true, state, ...more }
}

export function pullId(name: string): string {
  return name
    .padEnd(26, 'a')
    .toLowerCase()
    .replace(/[^a-z2-7]/g, 'b')
}

export function reported(name: string, more: Partial<ReportedPull> = {}): ReportedPull {
  const phase = more.phase ?? 'downloading'
  const ended = phase === 'completed' || phase === 'failed' || phase === 'unknown'
  return {
    id: pullId(name),
    imageRef: `registry.example.com/${name}:v1`,
    phase,
    startedAt: at(0),
    totalKnown: true,
    layers: [layer(`${name}-1`, 0), layer(`${name}-2`, 0)],
    ...(ended && { completedAt: at(60) }),
    ...more,
  }
}

export function report(seq: number, pulls: readonly ReportedPull[], more: Partial<AgentReport> = {}): AgentReport {
  return {
    nodeName: 'node-a',
    timestamp: at(seq * 2),
    agent: { version: '0.1.0', epoch: 'epoch-one', seq },
    pulls: [...pulls],
    ...more,
  }
}

export function context(more: Partial<MergeContext> = {}): MergeContext {
  return {
    receivedAtMs: epochMs,
    heardAtMs: 0,
    reportIntervalMs: 2000,
    idleReportIntervalMs: 30_000,
    ends: new Map(),
    unknowns: new Map(),
    holdEnds: false,
    ...more,
  }
}
