import Mocha from 'mocha'

/** Of one run of mocha. */
export interface Counts {
  readonly passes: number
  readonly failures: number
  /** Of each that failed: its title, and the first line of why. */
  readonly failed: readonly string[]
}

/** How long a process may go on after its last test. */
const lingerMs = 30_000

/** The spec reporter, closed by one line that people and machines find: `N passed, N failed`. */
export default class Reporter extends Mocha.reporters.Spec {
  #stopped = false
  readonly #failed: string[] = []

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options)
    runner.on('fail', (test: Mocha.Runnable, error: Error) => {
      // A throw in here would end the run: a message may be no string. That of an AggregateError may be empty.
      const why = String(error.message || error).trimStart()
      this.#failed.push(`${test.fullTitle()}: ${why.split('\n', 1)[0]}`)
    })
    for (const signal of ['SIGINT', 'SIGTERM']) {
      // Ends with the test that runs, so that what tests started is stopped. The second time it ends at once.
      process.once(signal, () => {
        this.#stopped = true
        runner.abort()
      })
    }
  }

  override done(given: number, exit?: (failures: number) => void): void {
    const failures = this.#stopped ? Math.max(given, 1) : given
    const { passes = 0, failures: failed = 0 } = this.stats
    const counts: Counts = { passes, failures: failed, failed: this.#failed }
    const end = () => {
      setTimeout(endWhatWasLeft, lingerMs).unref()
      exit?.(failures)
    }
    // A run that is part of a larger one is counted there.
    if (process.send) process.send(counts, end)
    // On stdout and last: whatever the runner still prints would hide it.
    else process.stdout.write(`\n${passes} passed, ${failed} failed\n`, end)
  }
}

/** Somebody did not stop what they started: it is told, not waited for. A process would outlive this one, and fails it. */
function endWhatWasLeft(): never {
  const left = process.getActiveResourcesInfo()
  process.stderr.write(`still open ${lingerMs / 1000} s after the last test: ${left.join(', ')}\n`)
  if (left.includes('ProcessWrap')) {
    // After mocha's own listener, which would set it to the count of failures.
    process.once('exit', () => {
      process.exitCode = 1
    })
  }
  process.exit()
}
