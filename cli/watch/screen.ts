import { createLogUpdate } from 'log-update'
import type { Job, OpenJob } from './job.ts'
import type { Frame } from './render.ts'

/** What a screen needs of a terminal: `process.stdout` and `process.stdin` answer it. */
export interface Terminal {
  readonly out: NodeJS.WriteStream
  readonly in: NodeJS.ReadStream
}

export interface Screen {
  draw(lines: readonly string[]): void
  /** Columns and rows that a frame may fill: the last row stays free for the cursor. */
  size(): Pick<Frame, 'width' | 'height'>
  /** Whether keys can be read. */
  readonly keys: boolean
  /** Leaves the last lines where they are and gives the terminal back. Safe to call twice. */
  close(): void
}

// Alternate screen and cursor: on and hidden, off and shown. log-update would hide the cursor by stderr, which may be a file.
const enter = '\u001B[?1049h\u001B[?25l\u001B[H'
const leave = '\u001B[?25h\u001B[?1049l'

const ctrlZ = '\u001A'

/**
 * The alternate screen: what was in the terminal is there again afterwards, and a resize cannot
 * leave torn lines behind. The last frame is written to the ordinary screen on closing. Ctrl-Z, which a raw terminal
 * hands over as a character, gives the terminal back and stops the job; without `openJob` it does nothing.
 */
export function openScreen(
  terminal: Terminal,
  onKey: (key: string) => void,
  onResize: () => void,
  openJob?: OpenJob,
): Screen {
  const { out } = terminal
  // A terminal that was never told its size says 0 of both.
  const columns = () => out.columns || 80
  const rows = () => out.rows || 24
  const update = createLogUpdate(sized(out, columns, rows), { showCursor: true })
  const keys = terminal.in.isTTY === true
  let last: readonly string[] = []
  let open = true
  /** Given back to the shell until it continues us. */
  let away = false
  let job: Job | undefined
  const data = (chunk: Buffer) => {
    for (const key of chunk.toString('latin1')) {
      if (key === ctrlZ) suspend()
      else onKey(key)
    }
  }
  const resized = () => {
    if (away) return
    // Old lines have been wrapped by the terminal: nobody knows where they are now.
    update.clear()
    out.write('\u001B[2J\u001B[H')
    onResize()
  }
  const take = () => {
    // First, as this stops a job that was continued in the background, which then has written nothing.
    if (keys) {
      terminal.in.setRawMode(true)
      terminal.in.resume()
    }
    out.write(enter)
  }
  const give = () => {
    if (keys) {
      terminal.in.setRawMode(false)
      terminal.in.pause()
    }
  }
  const suspend = () => {
    if (away || job === undefined) return
    away = true
    give()
    // Stopped only when all is written, or the shell would write into our screen.
    out.write(leave, () => open && job?.stop())
  }
  const resume = () => {
    away = false
    // The shell may have set modes of its own, of which Node does not know.
    give()
    take()
    update.done()
    out.write('\u001B[2J\u001B[H')
    onResize()
  }
  take()
  out.on('resize', resized)
  if (keys) terminal.in.on('data', data)
  job = openJob?.(suspend, resume)
  return {
    keys,
    size: () => ({ width: columns(), height: Math.max(1, rows() - 1) }),
    draw(lines) {
      if (!open) return
      last = lines
      if (!away) update(lines.join('\n'))
    },
    close() {
      if (!open) return
      open = false
      job?.close()
      out.off('resize', resized)
      terminal.in.off('data', data)
      if (!away) {
        give()
        update.clear()
        out.write(leave)
      }
      update.done()
      if (last.length > 0) out.write(`${last.join('\n')}\n`)
    },
  }
}

/** What log-update asks of a stream, with a size that can be drawn in. */
function sized(out: NodeJS.WriteStream, columns: () => number, rows: () => number) {
  const stream = {
    isTTY: out.isTTY,
    get columns() {
      return columns()
    },
    get rows() {
      return rows()
    },
    write: (text: string) => out.write(text),
  }
  return stream as unknown as NodeJS.WritableStream
}
