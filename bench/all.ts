import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

/** Runs every measurement and writes what they print, with the command of each, into bench/RESULTS.md. */
const scripts = [
  'ingest.ts',
  'fan-out.ts',
  'stalled-client.ts',
  'up.ts',
  'agent.ts',
  'pods.ts',
  'pod-watch.ts',
  'latency.ts',
  'cluster.ts',
  'operator.ts',
  'sync-rules.ts',
  'events.ts',
  'rules.ts',
  'pages.ts',
]
const file = 'bench/RESULTS.md'
const chosen = process.argv.length > 2 ? process.argv.slice(2) : scripts

const section = (script: string) => ({ open: `<!-- ${script} -->`, close: `<!-- end ${script} -->` })
let results = readFileSync(file, 'utf8')
console.error('bench: bundling the programs into dist/')
execFileSync(process.execPath, ['build/bundle.ts'], { stdio: 'inherit' })
for (const script of chosen) {
  console.error(`bench: ${script}`)
  const printed = execFileSync(process.execPath, [`bench/${script}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  }).toString()
  const { open, close } = section(script)
  const start = results.indexOf(open)
  const end = results.indexOf(close)
  if (start < 0 || end < 0) throw new Error(`${file} has no section for ${script}`)
  const machine = `${cpus().length} x ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  const text = `${open}\n\n\`node bench/${script}\` on ${machine}\n\n${printed.trim()}\n\n`
  results = results.slice(0, start) + text + results.slice(end)
  writeFileSync(file, results)
}
