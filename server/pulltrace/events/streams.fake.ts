import { FakeClock } from '../../../core/lib/clock.fake.ts'
import type { PullState } from '../../../core/pulls/pull.ts'
import { everyPull, parsePullFilter } from './filter.ts'
import { EventHub, type HubOptions } from './hub.ts'
import { pullState } from './pull-state.fake.ts'
import { FakeSink } from './stream-sink.fake.ts'
import { type StreamOptions, type StreamRequest, Streams } from './streams.ts'

/** A hub and its streams on a fake clock, with short words for what happens to pulls. */
export function setUp(options: Partial<StreamOptions & HubOptions> = {}) {
  const clock = new FakeClock(Date.parse('2026-11-21T10:00:00Z'))
  const hub = new EventHub({ clock, epoch: 'e1', maxEntries: 1000, maxBytes: 10_000_000, ...options })
  const streams = new Streams(hub, { clock, random: () => 0.5, ...options })
  const open = (request: Partial<StreamRequest> = {}, sink = new FakeSink()) => {
    sink.listener = streams.open(sink, { filter: everyPull, layers: false, lastEventId: undefined, ...request })
    return sink
  }
  const start = (id: string, more: Partial<PullState> = {}) =>
    hub.publish([{ type: 'pull.started', pull: pullState(id, more) }])
  const progress = (id: string, more: Partial<PullState> = {}) => {
    hub.publish([{ type: 'pull.progress', pull: pullState(id, more) }])
    hub.flush()
  }
  const end = (id: string, phase: 'completed' | 'failed' | 'unknown' = 'completed') =>
    hub.publish([{ type: phase === 'completed' ? 'pull.completed' : 'pull.failed', pull: pullState(id, { phase }) }])
  return { clock, hub, streams, open, start, progress, end }
}

export const filterOf = (query: string) => parsePullFilter(new URLSearchParams(query))

export function textOf(sink: FakeSink): string {
  sink.take()
  return Buffer.concat(sink.read.splice(0)).toString()
}

/** Each event in one short line: `7 started a`, `- progress a left`, `synced 7`. */
export function linesOf(sink: FakeSink): string[] {
  const blocks = textOf(sink).split('\n\n').slice(0, -1)
  return blocks.flatMap(block => {
    const field = (name: string) => block.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1]
    const seq = field('id')?.split('-')[1] ?? '-'
    if (field('event')) return `${field('event')} ${seq}`
    if (!field('data')) return []
    const { type, pull, left } = JSON.parse(field('data')!)
    return `${seq} ${type.slice(5)} ${pull.id}${left ? ' left' : ''}`
  })
}
