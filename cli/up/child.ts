import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Clock } from '../../core/lib/clock.ts'
import type { Env } from '../../core/lib/settings.ts'
import { type Begin, type Loaded, waitToBeginFlag } from '../../core/lib/told-to-begin.ts'
import { parseLogLine } from './log-line.ts'

export interface ChildSpec {
  /** As it is called in what is printed: `server`. */
  readonly name: string
  /** Path of the program's main file. */
  readonly main: string
  readonly env: Env
  readonly args?: readonly string[]
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Lines of a child that are kept for the case that it dies. */
const tailLines = 10

/**
 * A program as a child process of its own process group, so that Ctrl-C in the terminal reaches
 * only the parent, which then stops all in order; on a leash, so that none outlives the parent.
 * It loads, tells what is wrong with its settings, and waits for `begin`.
 */
export class Child {
  readonly name: string
  /** Resolves when it has ended and its last line has been read. */
  readonly exited: Promise<Exit>
  readonly #process: ChildProcess
  readonly #tail: string[] = []
  readonly #urls: string[] = []
  #faults: string | undefined
  #exit: Exit | undefined
  #wake = Promise.withResolvers<void>()

  constructor({ name, main, env, args = [] }: ChildSpec, leash: string, onLine: (line: string) => void) {
    this.name = name
    const options = ['--disable-warning=ExperimentalWarning', '--import', leash]
    this.#process = spawn(process.execPath, [...options, main, ...args, waitToBeginFlag], {
      env: { ...env, PULLTRACE_LEASHED: 'true' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    })
    const read = (stream: NodeJS.ReadableStream) => {
      const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })
      lines.on('line', line => {
        this.#note(line)
        onLine(line)
      })
    }
    read(this.#process.stdout!)
    read(this.#process.stderr!)
    this.#process.once('message', message => {
      this.#faults = (message as Loaded).faults
      this.#wakeUp()
    })
    this.exited = new Promise(resolve => {
      const end = (exit: Exit) => {
        this.#exit = exit
        this.#wakeUp()
        resolve(exit)
      }
      this.#process.once('error', error => {
        this.#note(error.message)
        end({ code: null, signal: null })
      })
      this.#process.once('close', (code, signal) => end({ code, signal }))
    })
  }

  get tail(): readonly string[] {
    return this.#tail
  }

  /** What is wrong with its settings, empty when nothing is; undefined until it is loaded. */
  get faults(): string | undefined {
    return this.#faults
  }

  /** Addresses it has said it listens on, in the order in which it said so. */
  get urls(): readonly string[] {
    return this.#urls
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  #note(line: string): void {
    this.#tail.push(line)
    if (this.#tail.length > tailLines) this.#tail.shift()
    this.#urls.push(...urlsOf(line))
    this.#wakeUp()
  }

  #wakeUp(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  /** Once it is loaded: has it begin, with settings that were not known before. */
  begin(settings: Begin['settings']): void {
    // When it is gone by now, `exited` tells.
    this.#process.send({ settings } satisfies Begin, () => {})
  }

  /** Resolves true once `holds` (asked again at each line), false when the child has ended or `signal` aborts. */
  async until(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
    const aborted = new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    while (!holds()) {
      if (this.#exit !== undefined || signal.aborted) return false
      await Promise.race([this.#wake.promise, aborted])
    }
    return true
  }

  /** Asks it to stop, waits up to `graceMs`, then kills it. Resolves when it is gone. */
  async stop(clock: Clock, graceMs: number, kill: AbortSignal): Promise<Exit> {
    if (this.#exit !== undefined) return this.#exit
    this.#process.kill('SIGTERM')
    const timer = new AbortController()
    const impatient = clock.sleep(graceMs, AbortSignal.any([timer.signal, kill])).then(
      () => this.kill(),
      () => kill.aborted && this.kill(),
    )
    const exit = await this.exited
    timer.abort()
    await impatient
    return exit
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}

/** Addresses in a log line: `url`, `metricsUrl` and the like, or an `address` with its port. */
function urlsOf(line: string): string[] {
  return Object.entries(parseLogLine(line)?.fields ?? {}).flatMap(([key, value]) => {
    if (/^(url|\w+Url)$/.test(key) && URL.canParse(String(value))) return [String(value).replace(/\/$/, '')]
    const { address, port } = Object(value) as { address?: unknown; port?: unknown }
    if (key !== 'address' || typeof address !== 'string' || typeof port !== 'number') return []
    const host =
      address === '::' || address === '0.0.0.0' ? '127.0.0.1' : address.includes(':') ? `[${address}]` : address
    return [`http://${host}:${port}`]
  })
}
