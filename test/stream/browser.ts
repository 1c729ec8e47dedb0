import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { makeRigDir, removeRigDir, startChild, waitUntil } from '../rig/child.ts'
import { findProgram } from '../rig/programs.ts'

export interface RealBrowser {
  readonly browser: Browser
  /** `127.0.0.1:port` of its debugger, which knows workers too. */
  readonly debuggerHost: string
  /** Ends the process and removes its profile. */
  stop(): Promise<void>
}

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

/** Debian's Chromium with a profile of its own. It dies with this process, however this process ends. */
export async function startBrowser(): Promise<RealBrowser> {
  const file = await findProgram('chromium')
  const dir = await makeRigDir('chromium')
  const profile = path.join(dir, 'profile')
  const args = [...flags, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank']
  const child = await startChild(file, args, path.join(dir, 'chromium.log'), { ...process.env, HOME: dir, TMPDIR: dir })
  try {
    const endpoint = await waitUntil(
      child,
      async () => {
        const text = await readFile(path.join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')
        const [port, address] = text.split('\n')
        return address ? `ws://127.0.0.1:${port}${address}` : undefined
      },
      60_000,
    )
    const browser = await chromium.connectOverCDP(endpoint)
    return {
      browser,
      debuggerHost: new URL(endpoint).host,
      async stop() {
        await browser.close().catch(() => {})
        await child.end('SIGTERM')
        await removeRigDir(dir)
      },
    }
  } catch (error) {
    await child.end('SIGKILL')
    await removeRigDir(dir)
    throw error
  }
}
