import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Measured } from './fan-out-server.ts'
import { median, table } from './measure.ts'

/**
 * Fan-out: what one write and one event cost at many clients, beside a bare loop of
 * socket.write of the same bytes in the same process. Each run is a fresh process.
 * Needs two file descriptors for each client over both processes (`ulimit -n`).
 *
 *   BENCH_CLIENTS=200,10000 BENCH_RUNS=5 BENCH_SECONDS=5 node bench/fan-out.ts
 */
const clientCounts = (process.env['BENCH_CLIENTS'] ?? '200,10000').split(',').map(Number)
const runs = Number(process.env['BENCH_RUNS'] ?? 5)
const seconds = Number(process.env['BENCH_SECONDS'] ?? 5)

async function measure(clients: number): Promise<Measured> {
  const server = fork(new URL('./fan-out-server.ts', import.meta.url), [String(clients), String(seconds)], {
    execArgv: ['--expose-gc'],
  })
  const exit = once(server, 'exit').then(([code]) => Promise.reject(new Error(`the server exited with ${code}`)))
  const [measured] = await Promise.race([once(server, 'message'), exit])
  server.disconnect()
  await exit.catch(() => {})
  return measured as Measured
}

const columns: { name: string; of: (run: Measured) => number; digits: number }[] = [
  { name: 'writes/s', of: run => run.ours.writes / run.ours.seconds, digits: 0 },
  { name: 'events/s', of: run => run.ours.events / run.ours.seconds, digits: 0 },
  { name: 'MiB/s', of: run => run.ours.bytes / run.ours.seconds / 2 ** 20, digits: 1 },
  { name: 'CPU us/write', of: run => run.ours.cpuUs / run.ours.writes, digits: 2 },
  { name: 'bare us/write', of: run => run.bare.cpuUs / run.bare.writes, digits: 2 },
  { name: 'ratio', of: run => run.ours.cpuUs / run.ours.writes / (run.bare.cpuUs / run.bare.writes), digits: 2 },
  { name: 'CPU us/event', of: run => run.ours.cpuUs / run.ours.events, digits: 2 },
  { name: 'p50 ms', of: run => run.p50Ms, digits: 1 },
  { name: 'p99 ms', of: run => run.p99Ms, digits: 1 },
  { name: 'bare p50 ms', of: run => run.bareP50Ms, digits: 1 },
  { name: 'bare p99 ms', of: run => run.bareP99Ms, digits: 1 },
  { name: 'lagged', of: run => run.lagged, digits: 0 },
  { name: 'KiB/idle client', of: run => run.idleBytes / 1024, digits: 1 },
]

const rows: (string | number)[][] = [['clients', ...columns.map(column => column.name)]]
for (const clients of clientCounts) {
  const measured: Measured[] = []
  for (let run = 0; run < runs; run++) {
    measured.push(await measure(clients))
    if (process.env['BENCH_VERBOSE']) console.error(JSON.stringify(measured.at(-1)))
  }
  rows.push([clients, ...columns.map(({ of, digits }) => median(measured.map(of)).toFixed(digits))])
}
console.log(table(rows))
console.log(
  `\nMedians of ${runs} runs of ${seconds} s; 300 updates/s over 20 pulls, 2 starts and ends a second, flush 250 ms. ` +
    'Latency: from publish to the client, for starts and ends.',
)
