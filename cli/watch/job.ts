/** This program as a job of a shell, which stops it at Ctrl-Z and continues it with `fg`. */
export interface Job {
  /** Stops all of it, as a terminal that is not raw would at Ctrl-Z. */
  stop(): void
  /** From then on signals do what they do by themselves. */
  close(): void
}

/** `onStop`: somebody asks it to stop. `onContinue`: it goes on, whoever stopped it. */
export type OpenJob = (onStop: () => void, onContinue: () => void) => Job

/** How soon a program that nothing has stopped knows it. Milliseconds. */
const notStoppedMs = 100

/** By the signals of this process. */
export const openJob: OpenJob = (onStop, onContinue) => {
  let goesOn: NodeJS.Timeout | undefined
  const continued = () => {
    clearTimeout(goesOn)
    onContinue()
  }
  process.on('SIGTSTP', onStop)
  process.on('SIGCONT', continued)
  return {
    stop() {
      // SIGTSTP unheard and not SIGSTOP: where no shell is left to continue it, or in a container, the kernel ignores it.
      process.off('SIGTSTP', onStop)
      process.kill(0, 'SIGTSTP')
      process.on('SIGTSTP', onStop)
      // Then nobody continues it either.
      goesOn = setTimeout(continued, notStoppedMs)
    },
    close() {
      clearTimeout(goesOn)
      process.off('SIGTSTP', onStop)
      process.off('SIGCONT', continued)
    },
  }
}
