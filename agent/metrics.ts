import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Terminals } from './terminals.ts'

export interface AgentMetrics {
  readonly registry: Registry
  looked(seconds: number, active: number, held: Terminals): void
  lookFailed(code: string): void
  ended(phase: string): void
  leftOut(): void
  delivered(outcome: string, seconds: number): void
}

/** Labels take values from small fixed sets only: no image, no digest. */
export function createAgentMetrics(version: string): AgentMetrics {
  const registry = new Registry()
  const registers = [registry]
  const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
  new Gauge({ name: 'pulltrace_agent_info', help: 'Version.', labelNames: ['version'], registers }).set({ version }, 1)
  const active = new Gauge({ name: 'pulltrace_agent_pulls_active', help: 'Pulls that go on.', registers })
  const held = new Gauge({ name: 'pulltrace_agent_terminals_held', help: 'Ended pulls not acknowledged.', registers })
  const dropped = new Gauge({
    name: 'pulltrace_agent_terminals_dropped',
    help: 'Ended pulls forgotten for want of room since the start.',
    registers,
  })
  const ended = new Counter({
    name: 'pulltrace_agent_pulls_ended_total',
    help: 'Pulls that ended, by how.',
    labelNames: ['phase'],
    registers,
  })
  const leftOut = new Counter({
    name: 'pulltrace_agent_pulls_left_out_total',
    help: 'Pulls no longer told, since the server refuses a report with them.',
    registers,
  })
  const looks = new Histogram({
    name: 'pulltrace_agent_look_duration_seconds',
    help: 'Time to look at containerd once.',
    buckets,
    registers,
  })
  const failed = new Counter({
    name: 'pulltrace_agent_look_errors_total',
    help: 'Looks that containerd did not answer, by error code.',
    labelNames: ['code'],
    registers,
  })
  const reports = new Counter({
    name: 'pulltrace_agent_reports_total',
    help: 'Reports by outcome: answered, refused or unreachable.',
    labelNames: ['outcome'],
    registers,
  })
  const posts = new Histogram({
    name: 'pulltrace_agent_report_duration_seconds',
    help: 'Time from sending a report to its answer.',
    buckets,
    registers,
  })
  return {
    registry,
    looked(seconds, count, terminals) {
      looks.observe(seconds)
      active.set(count)
      held.set(terminals.size)
      dropped.set(terminals.dropped)
    },
    lookFailed: code => failed.inc({ code }),
    ended: phase => ended.inc({ phase }),
    leftOut: () => leftOut.inc(),
    delivered(outcome, seconds) {
      reports.inc({ outcome })
      posts.observe(seconds)
    },
  }
}
