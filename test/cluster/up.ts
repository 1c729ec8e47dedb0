import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { kubernetesVersion } from '../rig/programs.ts'
import { type KeptState, keptFolder, logFile, parseKept, readState } from './kept.ts'

/** `make cluster-up` and `make control-plane-up`: leaves one running, and says how to use it. */
const what = parseKept(process.argv[2])
const limitMs = 20 * 60_000 // The first time, everything is built.

const there = await readState(what)
if (there) process.stdout.write(`It runs already.\n${explain(there)}`)
else process.stdout.write(explain(await start()))

async function start(): Promise<KeptState> {
  await rm(keptFolder(what), { recursive: true, force: true }) // What a killed one left.
  await mkdir(keptFolder(what), { recursive: true })
  const log = openSync(logFile(what), 'a')
  // Not ours any more: it outlives this process and the terminal.
  const keeper = spawn(process.execPath, [path.join(import.meta.dirname, 'keep.ts'), what], {
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  keeper.unref()
  let shown = 0
  for (const begunMs = performance.now(); ; ) {
    const text = await readFile(logFile(what), 'utf8')
    process.stderr.write(text.slice(shown))
    shown = text.length
    const state = await readState(what)
    if (state) return state
    if (keeper.exitCode !== null || keeper.signalCode !== null) process.exit(1) // Its log, shown above, says why.
    if (performance.now() - begunMs > limitMs) {
      keeper.kill('SIGTERM')
      throw new Error(`the ${what} is not up after ${limitMs / 60_000} minutes; see above what it was doing`)
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

function explain({ url, kubeconfig, nodes, registry, imported, seconds }: KeptState): string {
  const lines = [
    `Kubernetes ${kubernetesVersion} is up (${seconds.toFixed(1)} s): ${url}, ${nodes.length || 'no'} node${nodes.length === 1 ? '' : 's'}`,
    `  export KUBECONFIG=${kubeconfig} PATH=${path.join(keptFolder(what), 'bin')}:$PATH`,
    ...nodes.map(
      node => `  ctr --address ${node.containerdSocket} --namespace k8s.io images import FILE   # ${node.name}`,
    ),
    ...(registry ? [`  push images to http://${registry.push}; pods name them ${registry.pull}/NAME:TAG`] : []),
    ...(imported ? [`  ${path.relative('.', imported)} is imported`] : []),
    `  make ${what}-down ends it`,
  ]
  return `${lines.join('\n')}\n`
}
