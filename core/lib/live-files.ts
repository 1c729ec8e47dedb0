import { readFile } from 'node:fs/promises'
import { Code, PulltraceError } from './errors.ts'
import type { Logger } from './log.ts'

/**
 * A value made from files that others replace while we run (mounted Secrets, renewed
 * certificates). Contents are compared, not times: a mounted Secret is swapped by a symlink.
 * A new content that cannot be read or used leaves the old value in force, and is logged once.
 */
export class LiveFiles<T> {
  readonly #paths: readonly string[]
  readonly #load: (contents: readonly string[]) => T
  readonly #log: Logger
  #seen: string
  #value: T
  #refused: string | undefined

  private constructor(
    paths: readonly string[],
    load: (contents: readonly string[]) => T,
    log: Logger,
    seen: string,
    value: T,
  ) {
    this.#paths = paths
    this.#load = load
    this.#log = log
    this.#seen = seen
    this.#value = value
  }

  /** Rejects when the files cannot be read or used: at start that is a fault of the configuration. */
  static async open<T>(paths: readonly string[], load: (contents: readonly string[]) => T, log: Logger) {
    try {
      const contents = await readAll(paths)
      return new LiveFiles(paths, load, log, contents.join('\0'), load(contents))
    } catch (cause) {
      const names = paths.map(path => `'${path}'`).join(' and ')
      throw new PulltraceError(Code.Invalid, `${names} cannot be used: ${(cause as Error).message}`, { cause })
    }
  }

  get value(): T {
    return this.#value
  }

  /** Reads the files again. Resolves with true when a new value came into force. */
  async check(): Promise<boolean> {
    try {
      const contents = await readAll(this.#paths)
      const seen = contents.join('\0')
      if (seen === this.#seen) return false
      this.#value = this.#load(contents)
      this.#seen = seen
      this.#refused = undefined
      this.#log.info('files reloaded', { files: this.#paths })
      return true
    } catch (error) {
      const refused = String(error)
      if (refused !== this.#refused)
        this.#log.warn('changed files not usable, the old ones stay', { files: this.#paths, error })
      this.#refused = refused
      return false
    }
  }
}

/** Looks at the files every `everyMs` until disposed. `changed` runs after each new value. */
export function watchFiles<T>(
  files: LiveFiles<T>,
  everyMs: number,
  changed: (value: T) => void = () => {},
): Disposable {
  let looking = false
  const timer = setInterval(async () => {
    // A disk that hangs must not gather a look for each interval.
    if (looking) return
    looking = true
    if (await files.check()) changed(files.value)
    looking = false
  }, everyMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

const readAll = (paths: readonly string[]) => Promise.all(paths.map(path => readFile(path, 'utf8')))
