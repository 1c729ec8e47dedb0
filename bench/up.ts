import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { median, table } from './measure.ts'

/**
 * How long `pulltrace up` takes, with demo data and everything of rules: until the page of pulls can be opened, and
 * until all is ready. The first start has a new data folder and nothing compiled; the second finds both.
 * RUNS (default 5) makes it shorter.
 */
const runs = Number(process.env['RUNS'] ?? 5)
const free = '127.0.0.1:0'
const names = [
  ...['PULLTRACE_HTTP_ADDR', 'PULLTRACE_METRICS_ADDR', 'PULLTRACE_AGENT_METRICS_ADDR'],
  ...['TK_GRPC_ADDR', 'TK_SENSOR_METRICS_ADDR', 'TK_HTTP_ADDR', 'TK_UI_METRICS_ADDR'],
]

interface Start {
  readonly pageMs: number
  readonly readyMs: number
  readonly stoppedMs: number
}

async function start(folder: string): Promise<Start> {
  const beganMs = performance.now()
  const child = spawn('./bin/pulltrace', ['up', '-f', 'config/samples/pulltraceconfig.yaml'], {
    env: {
      ...process.env,
      ...Object.fromEntries(names.map(name => [name, free])),
      PULLTRACE_DATA_DIR: path.join(folder, 'data'),
      NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
    },
  })
  const exited = once(child, 'exit')
  const at = { page: Number.NaN, ready: Number.NaN }
  const ready = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      if (line.includes('server | info  listening')) at.page = performance.now()
      if (line.startsWith('Ctrl-C')) {
        at.ready = performance.now()
        ready.resolve()
      }
    })
  }
  await Promise.race([ready.promise, exited])
  if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
  child.kill('SIGINT')
  await exited
  return { pageMs: at.page - beganMs, readyMs: at.ready - beganMs, stoppedMs: performance.now() - at.ready }
}

const starts: Record<'first' | 'second', Start[]> = { first: [], second: [] }
for (let run = 0; run < runs; run++) {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-bench-up-'))
  for (const which of ['first', 'second'] as const) starts[which].push(await start(folder))
  rmSync(folder, { recursive: true, force: true })
}

const seconds = (all: readonly Start[], of: keyof Start) => (median(all.map(one => one[of])) / 1000).toFixed(2)
console.log(
  table([
    ['start', 'page, s', 'all ready, s', 'Ctrl-C to the end, s'],
    ...Object.entries(starts).map(([which, all]) => [
      which,
      ...(['pageMs', 'readyMs', 'stoppedMs'] as const).map(of => seconds(all, of)),
    ]),
  ]),
)
console.log(`\nMedians of ${runs}. Goal: the second start is ready in less than 5 s on a quiet machine.`)
