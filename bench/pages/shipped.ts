import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { browserBundles, otherBundles } from '../../build/bundles.ts'
import { makeRigDir, removeRigDir, startChild, waitUntil } from '../../test/rig/child.ts'

const absWorkingDir = fileURLToPath(new URL('../..', import.meta.url))

const ticksPerSec = Number(execFileSync('getconf', ['CLK_TCK']).toString())

export interface Served extends AsyncDisposable {
  readonly url: string
}

export interface ServedByProgram extends Served {
  /** User and system time so far. Milliseconds, in steps of about ten. */
  cpuMs(): number
}

/** The programs as they are shipped, in a folder of their own: what a browser loads of a checkout is many small files. */
export class Shipped implements AsyncDisposable {
  readonly folder: string
  #started = 0

  private constructor(folder: string) {
    this.folder = folder
  }

  static async build(): Promise<Shipped> {
    const folder = await makeRigDir('pages')
    await build({ ...otherBundles(folder), absWorkingDir })
    await build({ ...browserBundles(folder), absWorkingDir })
    return new Shipped(folder)
  }

  /** Resolves when it listens. Its data are in `folder`, too. */
  async start(
    program: 'pulltrace-server' | 'tk-web-ui',
    env: Readonly<Record<string, string>>,
  ): Promise<ServedByProgram> {
    const log = path.join(this.folder, `${program}-${this.#started++}.log`)
    const child = await startChild(process.execPath, [path.join(this.folder, `${program}.mjs`)], log, {
      PATH: process.env['PATH'],
      ...env,
    })
    const url = await waitUntil(child, async () => /"url":"([^"]+)"/.exec(child.log())?.[1])
    const cpuMs = () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
      return (1000 * (Number(fields[11]) + Number(fields[12]))) / ticksPerSec
    }
    return { url, cpuMs, [Symbol.asyncDispose]: () => child.end('SIGTERM') }
  }

  async [Symbol.asyncDispose]() {
    await removeRigDir(this.folder)
  }
}
