import type { Clock } from '../../core/lib/clock.ts'
import { harmlessJson } from '../../core/lib/harmless.ts'
import type { Api } from '../api.ts'
import { PlainLines } from './plain.ts'
import { renderWatch } from './render.ts'
import type { Screen } from './screen.ts'
import { followEvents, type StreamItem, type StreamOptions } from './stream.ts'
import { WatchView } from './watch-view.ts'

/** What is watched. Each is a filter of the server; absent means all. */
export interface WatchFilter {
  readonly node?: string
  readonly image?: string
  readonly phase?: string
  readonly namespace?: string
  readonly pod?: string
}

export interface WatchParts {
  readonly api: Api
  readonly clock: Clock
  readonly random: () => number
  readonly filter: WatchFilter
  readonly wait: boolean
}

/** The path and query of a stream. */
export function eventsPath(filter: WatchFilter, layers: boolean): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== undefined))
  if (layers) query.set('layers', 'true')
  const text = query.toString()
  return `/api/v1/events${text === '' ? '' : `?${text}`}`
}

const streamOf = ({ api, clock, random, filter, wait }: WatchParts, layers: boolean): StreamOptions => ({
  api,
  clock,
  random,
  wait,
  path: eventsPath(filter, layers),
})

/** All that a stream tells, with the news of its connection noted: what broke it, once however many tries fail. */
async function* withNews(items: AsyncIterable<StreamItem>, note: (line: string) => void): AsyncGenerator<StreamItem> {
  let lost = false
  for await (const item of items) {
    if (item.kind === 'lost' && !lost) {
      lost = true
      note(`connection lost: ${item.reason}; trying again`)
    } else if (item.kind === 'open' && lost) {
      lost = false
      note('connected again')
    }
    yield item
  }
}

/** What a consumer that keeps state reads as "forget it all: the whole state follows". */
const resetLine = JSON.stringify({ type: 'reset' })

/**
 * One PullEvent a line, as the server sent it, until the signal aborts or nobody reads any more. `note` is where the
 * connection's own news goes, here as in plain lines.
 */
export async function watchJson(
  parts: WatchParts,
  layers: boolean,
  write: (line: string) => void,
  note: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let told = false
  for await (const item of withNews(followEvents(streamOf(parts, layers), signal), note)) {
    if (item.kind === 'event') {
      write(harmlessJson(item.data))
      told = true
    } else if (told && (item.kind === 'reset' || (item.kind === 'open' && !item.resumed))) {
      write(resetLine)
      told = false
    }
  }
}

/** Lines for a log. */
export async function watchPlain(
  parts: WatchParts,
  write: (line: string) => void,
  note: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const lines = new PlainLines()
  for await (const item of withNews(followEvents(streamOf(parts, false), signal), note)) {
    if (item.kind === 'event' && item.event !== undefined) {
      const line = lines.lineOf(item.event, parts.clock.now())
      if (line !== undefined) write(line)
    } else if (item.kind === 'reset') {
      lines.reset()
    }
  }
}

/** How often the screen is drawn at most. Milliseconds. */
const frameMs = 100
/** Without news it is drawn as often, for what counts by itself: seconds left, seconds stalled. Milliseconds. */
const idleFrameMs = 500

export interface LiveOptions {
  readonly layers: boolean
  readonly color: boolean
  /** Of which pulls it tells, such as ' in namespace shop'; empty: of all. */
  readonly where?: string
  readonly openScreen: (onKey: (key: string) => void, onResize: () => void) => Screen
}

/** Live bars until the signal aborts or `q` is pressed. Throws what the stream throws, with the terminal given back. */
export async function watchLive(parts: WatchParts, options: LiveOptions, signal: AbortSignal): Promise<void> {
  const { api, clock } = parts
  const quit = new AbortController()
  const stop = AbortSignal.any([signal, quit.signal])
  const view = new WatchView()
  let layers = options.layers
  let restart = new AbortController()
  let drawnMs = Number.NEGATIVE_INFINITY
  let dirty = true
  const draw = (keys = screen.keys) => {
    drawnMs = clock.monotonic()
    dirty = false
    const { width, height } = screen.size()
    const frame = {
      width,
      height,
      layers,
      nowMs: clock.now(),
      color: options.color,
      keys,
      server: api.server,
      where: options.where ?? '',
    }
    screen.draw(renderWatch(view, frame))
  }
  let broken: { readonly reason: unknown } | undefined
  /** For callbacks: a throw there would end the process with the terminal still ours. */
  const redraw = () => {
    try {
      draw()
    } catch (reason) {
      broken = { reason }
      quit.abort()
    }
  }
  const screen = options.openScreen(key => {
    // A raw terminal hands over Ctrl-C and Ctrl-D as characters.
    if (key === 'q' || key === '\u0003' || key === '\u0004') quit.abort()
    if (key !== 'l') return
    layers = !layers
    // Layers are asked for in the query, so the stream begins again, with the whole state.
    restart.abort()
    redraw()
  }, redraw)
  const timer = setInterval(() => {
    if (dirty || clock.monotonic() - drawnMs >= idleFrameMs) redraw()
  }, frameMs)
  try {
    draw()
    let wait = parts.wait
    while (!stop.aborted) {
      restart = new AbortController()
      const either = AbortSignal.any([stop, restart.signal])
      for await (const item of followEvents({ ...streamOf(parts, layers), wait }, either)) {
        wait = true
        view.apply(item, clock.now())
        dirty = true
      }
    }
  } finally {
    clearInterval(timer)
    if (view.synced && broken === undefined) draw(false)
    screen.close()
  }
  if (broken !== undefined) throw broken.reason
}
