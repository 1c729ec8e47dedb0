import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import type { TkStore } from '../../server/store/tk-store.ts'
import type { Role } from '../../server/store/users-store.ts'
import { hashPassword } from '../../server/web-ui/people/password.ts'
import { eventually } from '../eventually.ts'
import { Browser } from './browser.fake.ts'

const launcher = fileURLToPath(new URL('../../bin/tk-web-ui', import.meta.url))

export interface WebUi extends AsyncDisposable {
  readonly url: string
  readonly metricsUrl: string
  /** What `admin` was given at the first start; empty when there was no such one to tell of. */
  readonly firstPassword: string
  /** The same database, as another process has it open. */
  readonly store: TkStore
  readonly databaseFile: string
  /** All that it wrote on stdout and stderr. */
  output(): string
  /** Somebody who is signed in; made when there is nobody of that name. */
  signIn(name: string, role: Role): Promise<Browser>
  metrics(): Promise<string>
  /** As the kernel does it; resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Good for every user that a test makes. */
export const testPassword = 'correct horse battery'

/** The program itself, on a database of its own. */
export async function startWebUi(env: Readonly<Record<string, string>> = {}): Promise<WebUi> {
  const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-web-ui-'))
  const databaseFile = env['TK_DATABASE_URL'] ?? path.join(folder, 'tk.db')
  const isNew = !existsSync(databaseFile) && env['TK_ADMIN_PASSWORD_FILE'] === undefined
  const child = spawn(launcher, {
    env: {
      PATH: process.env['PATH'],
      ...{ TK_HTTP_ADDR: '127.0.0.1:0', TK_UI_METRICS_ADDR: '127.0.0.1:0', TK_DATABASE_URL: databaseFile },
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // And all that it wrote was read.
  const exited = once(child, 'close') as Promise<[number | null]>
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text
    })
  }
  const said = (pattern: RegExp) => eventually(`tk-web-ui says ${pattern}: ${output}`, () => pattern.exec(output)?.[1])
  const url = await said(/"url":"([^"]+)"/)
  const metricsUrl = await said(/"metricsUrl":"([^"]+)"/)
  const firstPassword = isNew ? await said(/with the password (\S+)\n/) : ''
  const store = openSqliteTk({ file: databaseFile, clock: systemClock, log: silentLogger })
  // Cheap to make and to check: what it costs is measured elsewhere.
  const passwordHash = await hashPassword(testPassword, { ln: 4, r: 8, p: 1 })
  return {
    ...{ url, metricsUrl, firstPassword, store, databaseFile },
    output: () => output,
    async signIn(name, role) {
      if ((await store.users.findByName(name)) === undefined) {
        await store.users.create({ name, role, passwordHash, mustChangePassword: false }, { name: 'system' })
      }
      const browser = new Browser(url)
      const answer = await browser.signIn(name, testPassword)
      if (answer.status !== 303) throw new Error(`${name} could not sign in: ${answer.status}`)
      return browser
    },
    metrics: async () => (await fetch(`${metricsUrl}/metrics`)).text(),
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      return (await exited)[0]
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await Promise.all([exited, store.close()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
