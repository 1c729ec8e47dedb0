import pc from 'picocolors'
import stringWidth from 'string-width'
import { isDemoNode } from '../../core/contract/demo.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { formatRate } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { cut } from './image-name.ts'
import { layerLines } from './layers.ts'
import { columnsOf } from './layout.ts'
import { breaksLines, pullLine } from './pull-line.ts'
import type { Connection, SeenPull, WatchView } from './watch-view.ts'

export interface Frame {
  /** Columns; no line is wider. */
  readonly width: number
  /** Rows; there are never more lines. */
  readonly height: number
  readonly nowMs: number
  readonly layers: boolean
  readonly color: boolean
  /** Whether keys can be pressed: then they are told. */
  readonly keys: boolean
  /** The server, for the line that says what is seen. */
  readonly server: string
  /** Of which pulls it tells; empty: of all. */
  readonly where?: string
}

export type Colors = ReturnType<typeof pc.createColors>

/** The whole screen as lines. Pure: the same view, frame and time give the same lines. */
export function renderWatch(view: WatchView, frame: Frame): string[] {
  const { width, height, nowMs } = frame
  if (width < 1 || height < 1) return []
  const colors = pc.createColors(frame.color)
  const active = view.active(nowMs)
  const ended = view.ended(nowMs)
  const head = [headLine(view.connection, active, ended, frame, colors)]
  const state = connectionLine(view, frame, colors)
  if (state !== undefined && height > 2) head.push(state)
  const foot = frame.keys && height >= 12 ? [colors.dim(cut(keyHelp(frame.layers), width))] : []
  const room = height - head.length - foot.length
  const body = bodyLines(active, ended, room, frame, colors)
  if (active.length + ended.length === 0 && view.synced && room > 0) {
    body.push(colors.dim(cut(`No image is being pulled right now${frame.where ?? ''}.`, width)))
  }
  // Cells keep to their columns; this holds the promise where a terminal is too narrow for any cell.
  return [...head, ...body, ...foot].slice(0, height).map(line => (stringWidth(line) > width ? cut(line, width) : line))
}

const keyHelp = (layers: boolean) => `l ${layers ? 'hide' : 'show'} layers · q quit`

function headLine(
  connection: Connection,
  active: readonly SeenPull[],
  ended: readonly SeenPull[],
  { width, server }: Frame,
  colors: Colors,
): string {
  const count = (phase: string) => ended.filter(({ pull }) => pull.phase === phase).length
  const bytesPerSec = active.reduce(
    (sum, { pull }) => sum + (pull.phase === 'downloading' ? (pull.bytesPerSec ?? 0) : 0),
    0,
  )
  const parts = [
    colors.bold(`${active.length} pulling`),
    ...(bytesPerSec > 0 ? [formatRate(bytesPerSec)] : []),
    ...(count('completed') > 0 ? [colors.green(`${count('completed')} done`)] : []),
    ...(count('failed') > 0 ? [colors.red(`${count('failed')} failed`)] : []),
    ...(count('unknown') > 0 ? [colors.yellow(`${count('unknown')} unknown`)] : []),
  ]
  const demo = [...active, ...ended].some(({ pull }) => isDemoNode(pull.nodeName))
  const live = connection.state === 'live' ? colors.green('● live') : colors.yellow(`○ ${connection.state}`)
  const rights = [...(demo ? [colors.magenta('DEMO DATA')] : []), live]
  const lefts = [parts, parts.filter((_, index) => index !== 1 || bytesPerSec === 0), parts.slice(0, 1)]
  const full = [colors.dim(harmless(server)), ...rights]
  for (const [left, right] of [
    [lefts[0]!, full],
    ...lefts.map(left => [left, rights] as const),
    [lefts[1]!, rights.slice(0, 1)] as const,
    [lefts[2]!, rights.slice(0, 1)] as const,
  ] as const) {
    const texts = [left.join(' · '), right.join('  ')] as const
    const gap = width - stringWidth(texts[0]) - stringWidth(texts[1])
    if (gap >= 2) return texts.join(' '.repeat(gap))
  }
  return cut([...rights.slice(0, 1), ...parts.slice(0, 1)].join(' '), width)
}

/** What is not as it should be with the connection; undefined when all is well. */
function connectionLine(view: WatchView, { width, nowMs }: Frame, colors: Colors): string | undefined {
  const { connection, notUnderstood } = view
  if (connection.state === 'lost') {
    const seconds = Math.max(0, Math.ceil((connection.retryAtMs - nowMs) / 1000))
    const when = seconds === 0 ? 'reconnecting…' : `reconnecting in ${seconds} s…`
    const full = `${when} (${harmless(connection.reason)}; what follows is what was last known)`
    const brief = stringWidth(full) <= width ? full : `${when} (${harmless(connection.reason)})`
    return colors.yellow(cut(brief, width))
  }
  if (connection.state === 'connecting') return colors.dim(cut('connecting…', width))
  if (notUnderstood > 0) {
    return colors.yellow(
      cut(`${notUnderstood} events were not understood: the server may be newer than this program`, width),
    )
  }
  return undefined
}

/**
 * Pulls under way first, each with a line of its own where there are enough; what breaks rules and layers take only
 * lines that are left over. Ended pulls get what those under way do not want, and at least a quarter.
 */
function bodyLines(
  active: readonly SeenPull[],
  ended: readonly SeenPull[],
  room: number,
  frame: Frame,
  colors: Colors,
): string[] {
  if (room < 1) return []
  const columns = columnsOf([...active.slice(0, room), ...ended.slice(0, room)], frame.width)
  const lineOf = (seen: SeenPull) => pullLine(seen, columns, frame.nowMs, colors)
  const more = (count: number, what: string) => colors.dim(cut(`… and ${count} more ${what}`, frame.width))
  // Only as many as can have a line: there may be thousands, and this is drawn ten times a second.
  const below = active.length < room ? active.map(({ pull }) => linesBelow(pull, frame, colors)) : []
  const wanted = below.reduce((sum, lines) => sum + lines.length, active.length)
  const forEnded = Math.min(ended.length, Math.max(Math.floor(room / 4), room - wanted))
  const forActive = room - forEnded
  const lines: string[] = []
  if (active.length > forActive) {
    lines.push(...active.slice(0, forActive - 1).map(lineOf), more(active.length - forActive + 1, 'under way'))
  } else {
    let spare = forActive - active.length
    for (const [index, seen] of active.entries()) {
      const shown = (below[index] ?? []).slice(0, spare)
      lines.push(lineOf(seen), ...shown)
      spare -= shown.length
    }
  }
  const left = room - lines.length
  if (ended.length <= left) return [...lines, ...ended.map(lineOf)]
  if (left < 1) return lines
  return [...lines, ...ended.slice(0, left - 1).map(lineOf), more(ended.length - left + 1, 'ended')]
}

const linesBelow = (pull: Pull, { width, layers }: Frame, colors: Colors) => [
  ...breaksLines(pull, width, colors),
  ...(layers ? layerLines(pull, width, colors) : []),
]
