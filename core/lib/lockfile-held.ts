import { rmSync } from 'node:fs'
import type { Clock } from './clock.ts'
import { createFile, readFile, touchFile } from './lockfile-files.ts'
import { heartbeatMs } from './lockfile-judge.ts'
import type { Logger } from './log.ts'

export interface HeldParts {
  readonly file: string
  /** What this holder wrote. */
  readonly text: string
  readonly token: string
  readonly clock: Clock
  readonly log: Logger
  readonly released: () => void
}

/** A lock that is ours: says so with each heartbeat, and tells when it is not ours any more. */
export class HeldLock implements AsyncDisposable {
  readonly file: string
  readonly lost: AbortSignal
  readonly #parts: HeldParts
  readonly #taken = new AbortController()
  readonly #end = new AbortController()
  readonly #beating: Promise<void>
  #quiet = false

  constructor(parts: HeldParts) {
    this.file = parts.file
    this.lost = this.#taken.signal
    this.#parts = parts
    this.#beating = this.#beat()
  }

  async #beat(): Promise<void> {
    const { clock } = this.#parts
    while (!this.#end.signal.aborted && !this.lost.aborted) {
      // Rejects only on abort, and the loop condition is what ends the loop.
      await clock.sleep(heartbeatMs, this.#end.signal).catch(() => {})
      if (!this.#end.signal.aborted) this.#heartbeat()
    }
  }

  #heartbeat(): void {
    const { file, text, clock, log } = this.#parts
    try {
      // A file that somebody deleted is put back, unless a new one is there by now.
      const isOurs = touchFile(file, text, clock.now()) ?? createFile(file, text, clock.now())
      this.#quiet = false
      if (isOurs) return
      log.error('lock file taken by another process', { file, holder: readFile(file)?.text })
      this.#taken.abort(new Error(`the lock file ${file} belongs to another process now`))
    } catch (error) {
      // A full or vanished volume: whether the lock is lost cannot be known, and the database will tell.
      if (!this.#quiet) log.warn('lock file not refreshed', { file, error })
      this.#quiet = true
    }
  }

  /** Removes the file if it is still ours. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end.signal.aborted) return
    const { file, text, log, released } = this.#parts
    this.#end.abort()
    await this.#beating
    try {
      if (readFile(file)?.text === text) rmSync(file, { force: true })
    } catch (error) {
      log.warn('lock file not removed', { file, error })
    }
    released()
  }
}
