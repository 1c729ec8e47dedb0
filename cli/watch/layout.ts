import stringWidth from 'string-width'
import { harmless } from '../../core/lib/harmless.ts'
import { cut, imageName } from './image-name.ts'
import type { SeenPull } from './watch-view.ts'

/** Widths of the cells of a line, in columns; 0 leaves a cell out. One space stands between two cells. */
export interface Columns {
  readonly image: number
  readonly phase: number
  readonly middle: number
  readonly node: number
  /** Inside the middle cell. */
  readonly bar: number
  readonly size: boolean
  readonly rate: boolean
  readonly eta: boolean
}

const percentWidth = 4
const sizeWidth = 13
const rateWidth = 10
const etaWidth = 6
const phaseWidth = 11
const minBar = 8
const maxBar = 40

/**
 * Shares a line among its cells. What tells how far a pull is comes first, then the image, then the
 * node, then words; what is left over makes bars longer. The same for all lines, so that they align.
 */
export function columnsOf(pulls: readonly SeenPull[], width: number): Columns {
  const size = width >= 64
  const rate = width >= 56
  const eta = width >= 28
  const hasBar = width >= 36
  const wants = (text: (seen: SeenPull) => string) =>
    pulls.reduce((most, seen) => Math.max(most, stringWidth(text(seen))), 0)
  const imageWants = Math.max(
    12,
    wants(({ pull }) => imageName(pull.imageRef, width)),
  )
  const nodeWants = wants(({ pull }) => harmless(pull.nodeName))
  const middle = (bar: number) =>
    (hasBar ? bar + 1 : 0) +
    percentWidth +
    (size ? sizeWidth + 1 : 0) +
    (rate ? rateWidth + 1 : 0) +
    (eta ? etaWidth + 1 : 0)
  const phase = width >= 110 ? phaseWidth : 0
  let left = width - middle(minBar) - 1 - (phase > 0 ? phase + 1 : 0)
  const node = width >= 76 ? Math.min(nodeWants, Math.max(10, Math.floor(left * 0.3))) : 0
  left -= node > 0 ? node + 1 : 0
  const image = Math.max(0, Math.min(imageWants, left))
  left -= image
  const bar = hasBar ? Math.min(maxBar, minBar + Math.max(0, left)) : 0
  return { image, phase, middle: Math.min(middle(bar), Math.max(0, width - 1)), node, bar, size, rate, eta }
}

export interface Detail {
  readonly percent: number | undefined
  readonly size?: string
  readonly rate?: string
  readonly eta?: string
  /** Stands where rate and ETA are. */
  readonly note?: string
}

/** The middle cell: bar, percent, bytes of bytes, then rate and ETA or what is to be said instead. */
export function middleOf(
  columns: Columns,
  bar: (width: number) => string,
  { percent, size, rate, eta, note }: Detail,
): string {
  const cells: string[] = []
  if (columns.bar > 0) cells.push(bar(columns.bar))
  // Rounded down: 99.9 is not done.
  cells.push(padStart(percent === undefined ? '?' : `${Math.floor(percent)}%`, percentWidth))
  if (columns.size) cells.push(padStart(size ?? '', sizeWidth))
  const tail = (columns.rate ? rateWidth : 0) + (columns.rate && columns.eta ? 1 : 0) + (columns.eta ? etaWidth : 0)
  if (note !== undefined) {
    if (tail > 0) cells.push(pad(cut(shortNote(note, tail), tail), tail))
  } else {
    if (columns.rate) cells.push(padStart(rate ?? '', rateWidth))
    if (columns.eta) cells.push(padStart(eta ?? '', etaWidth))
  }
  return cells.join(' ')
}

/** Six columns are what a narrow terminal has for a word. */
function shortNote(note: string, width: number): string {
  if (stringWidth(note) <= width) return note
  if (note === 'unpacking') return 'unpack'
  return note.startsWith('stalled') ? 'stall' : note.startsWith('node') ? 'silent' : note.split(' ')[0]!
}

/** Spaces behind, to exactly `width` columns; a text that is wider is left as it is. */
export const pad = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - stringWidth(text)))
const padStart = (text: string, width: number) => ' '.repeat(Math.max(0, width - stringWidth(text))) + text
