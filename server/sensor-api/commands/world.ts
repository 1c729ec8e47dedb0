import type { Readable } from 'node:stream'
import type { Clock } from '../../../core/lib/clock.ts'
import type { Env } from '../../../core/lib/settings.ts'
import type { Actor } from '../../store/rules-store.ts'
import type { TkStore } from '../../store/tk-store.ts'

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** What the commands have of the world around them. */
export interface World {
  readonly env: Env
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  /** Who calls, for the audit log: `cli:root@db1`. */
  readonly actor: Actor
  /** The database in this file; it is made when it is not there. */
  readonly openStore: (file: string) => TkStore
  /** Asks the person at the terminal; false when they say no. */
  readonly confirm: (question: string) => Promise<boolean>
}

/** A command's share of the world: the store is open, and closed for it. */
export interface Task extends Omit<World, 'openStore'> {
  readonly store: TkStore
  /** For people: a line on stderr, so that stdout can be piped. */
  readonly say: (line: string) => void
  readonly print: (text: string) => void
}
