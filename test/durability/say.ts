import { writeSync } from 'node:fs'

/** At once and in one call: nothing may count as told that the pipe has not got. */
export function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, line)
      return
    } catch (error) {
      // The reader is behind, and its pipe does not block.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}
