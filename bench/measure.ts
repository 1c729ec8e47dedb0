import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { launch } from '../core/contract/launch.ts'

/** What a measured program answers when it is asked. */
export interface Memory {
  /** Live heap and buffers after a collection. Bytes. */
  readonly liveBytes: number
  readonly rssBytes: number
}

/** A program of bench/programs in a process of its own, so that the load is not in its figures. */
export interface Measured extends AsyncDisposable {
  readonly url: URL
  /** User and system time so far. Milliseconds. */
  cpuMs(): Promise<number>
  /**
   * Collects first. Never between two looks at the CPU: a collection that is forced while nothing runs throws compiled
   * code away, and what follows pays for it a second time.
   */
  memory(): Promise<Memory>
}

/** What programs are started with where they are shipped. */
const flags: Record<string, readonly string[]> = { 'pulltrace-server.ts': launch.server.command.slice(1, -1) }

export async function startMeasured(program: string, env: Record<string, string> = {}): Promise<Measured> {
  const file = path.join(import.meta.dirname, 'programs', program)
  const child = fork(file, {
    execArgv: ['--expose-gc', ...(flags[program] ?? [])],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const { url } = (await nextMessage(child)) as { url: string }
  const answerTo = (question: Question) => {
    child.send(question)
    return nextMessage(child)
  }
  return {
    url: new URL(url),
    cpuMs: async () => (await answerTo('cpu')) as number,
    memory: async () => (await answerTo('memory')) as Memory,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    },
  }
}

async function nextMessage(child: ChildProcess): Promise<unknown> {
  const failed = new AbortController()
  const gone = once(child, 'exit', { signal: failed.signal }).then(([code]) => {
    throw new Error(`the measured program ended with ${code}`)
  })
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: failed.signal }), gone])
    return message
  } finally {
    failed.abort()
    gone.catch(() => {})
  }
}

type Question = 'cpu' | 'memory'

/** In a measured program: say where it listens, then answer what it has used. */
export function answerUsage(url: string): void {
  process.on('message', (question: Question) => process.send!(question === 'cpu' ? cpuMs() : memory()))
  process.on('disconnect', () => process.exit(0))
  process.on('SIGTERM', () => process.exit(0))
  process.send!({ url })
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function memory(): Memory {
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { liveBytes: heapUsed + external, rssBytes: rss }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** A Markdown table; the first row is the head. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const [head, ...body] = rows
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head!), line(head!.map(() => '---')), ...body.map(line)].join('\n')
}
