import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtempDisposable, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Counts } from './reporter.ts'

/**
 * Runs every test, in two processes side by side: those with nodes and containers mostly wait for them, and the others
 * use that time. Ends with what failed and `N passed, N failed` of both: the end is what people and machines look at.
 */
const all = ['{core,agent,operator,server,cli,sdk}/**/*.test.ts', 'test/*.test.ts', 'test/*/**/*.test.ts']
const machines = ['cluster', 'containerd', 'control-plane', 'rig', 'scenarios'].map(room => `test/${room}/**/*.test.ts`)

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort(signal))

await using folder = await mkdtempDisposable(path.join(tmpdir(), 'pulltrace-tests-'))
const file = path.join(folder.path, 'output')
await using output = await open(file, 'w')
const runs = await Promise.all([
  run(machines, 'inherit'),
  run([...all, ...machines.flatMap(files => ['--ignore', files])], output.fd),
])
process.stdout.write('\nBeside these ran:\n')
await pipeline(createReadStream(file), process.stdout, { end: false })

const sum = (count: 'passes' | 'failures') => runs.reduce((total, counts) => total + counts[count], 0)
process.stdout.write(runs.flatMap(({ failed }) => failed.map(one => `\nfailed: ${one}\n`)).join(''))
process.stdout.write(`\n${sum('passes')} passed, ${sum('failures')} failed\n`)
process.exitCode = sum('failures') === 0 ? 0 : 1

async function run(args: readonly string[], stdout: 'inherit' | number): Promise<Counts> {
  const child = fork('node_modules/mocha/bin/mocha.js', args, { stdio: ['ignore', stdout, stdout, 'ipc'] })
  stopped.signal.addEventListener('abort', () => child.kill(stopped.signal.reason))
  if (stopped.signal.aborted) child.kill(stopped.signal.reason)
  let counts: Counts | undefined
  child.on('message', message => {
    counts = message as Counts
  })
  const [code, signal] = await once(child, 'exit')
  const { passes, failures, failed } = counts ?? { passes: 0, failures: 0, failed: [] }
  // One that fails without a failed test could not load a file, was killed, or went on when its tests had ended; one
  // that says nothing has not come to their end.
  if (code === 0 && passes > 0) return { passes, failures, failed }
  return {
    passes,
    failures: Math.max(failures, 1),
    failed:
      failed.length > 0 ? failed : [`a run of ${args.length} patterns ended with ${signal ?? `exit code ${code}`}`],
  }
}
