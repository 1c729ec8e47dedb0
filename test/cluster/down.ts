import { rm } from 'node:fs/promises'
import { processRuns } from '../rig/child.ts'
import { keptFolder, parseKept, readState } from './kept.ts'

/** `make cluster-down`: ends what `make cluster-up` left running. Fine when nothing runs. */
const what = parseKept(process.argv[2])
const limitMs = 30_000
const state = await readState(what)
if (!state) process.stdout.write(`no ${what} runs\n`)
else {
  process.kill(state.pid, 'SIGTERM')
  for (const begunMs = performance.now(); processRuns(state.pid); ) {
    // Killed, it takes all of its programs with it, too; its folders go with the next one that starts.
    if (performance.now() - begunMs > limitMs) process.kill(state.pid, 'SIGKILL')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  process.stdout.write(`the ${what} is down\n`)
}
await rm(keptFolder(what), { recursive: true, force: true })
