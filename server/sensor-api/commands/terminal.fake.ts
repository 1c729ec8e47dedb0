import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import type { Env } from '../../../core/lib/settings.ts'
import { openSqliteTk } from '../../store/sqlite/open-sqlite-tk.ts'
import type { TkStore } from '../../store/tk-store.ts'
import { run } from './run.ts'

export interface Typed {
  readonly stdin?: string
  readonly env?: Env
  /** What the person at the terminal answers; without it there is no terminal. */
  readonly answer?: boolean | (() => Promise<boolean>)
}

/** A terminal in a folder of its own, with a real database; what was printed and asked. */
export class Terminal implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-commands-'))
  readonly databaseFile = path.join(this.folder, 'tk.db')

  async run(argv: readonly string[], { stdin = '', env = {}, answer }: Typed = {}) {
    let out = ''
    let err = ''
    const questions: string[] = []
    const isTTY = answer !== undefined
    const code = await run(argv, {
      env: { TK_DATABASE_URL: this.databaseFile, NO_COLOR: '1', ...env },
      stdin: Object.assign(Readable.from([Buffer.from(stdin)]), { isTTY }),
      stdout: { write: text => (out += text), isTTY },
      stderr: { write: text => (err += text), isTTY },
      clock: systemClock,
      actor: { name: 'cli:test@here' },
      openStore: openTk,
      confirm: async question => {
        questions.push(question)
        return typeof answer === 'function' ? answer() : answer === true
      },
    })
    return { code, out, err, questions }
  }

  /** The database, as the service has it open at the same time. */
  open(): TkStore & AsyncDisposable {
    const store = openTk(this.databaseFile)
    return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

const openTk = (file: string) => openSqliteTk({ file, clock: systemClock, log: silentLogger })
