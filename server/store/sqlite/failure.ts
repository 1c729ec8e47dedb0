import { accessSync, constants, statfsSync } from 'node:fs'
import path from 'node:path'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { StoreWords } from './store-words.ts'

/** Why a database cannot serve. Bounded: it is a metric label. */
export const failureKinds = [
  'opening',
  'closed',
  'in_use',
  'disk_full',
  'read_only',
  'no_access',
  'io_error',
  'corrupt',
  'foreign',
  'schema',
  'crashed',
  'overloaded',
  'internal',
] as const
export type FailureKind = (typeof failureKinds)[number]

/** A failure as it crosses the border between the worker and the server: an Error loses its fields there. */
export interface Failure {
  readonly kind: FailureKind
  readonly message: string
  readonly fix: string
}

export function isFailure(value: unknown): value is Failure {
  const { kind } = (value ?? {}) as { kind?: FailureKind }
  return kind !== undefined && failureKinds.includes(kind)
}

/** A failure that is known where it is found. */
export class StoreFault extends Error {
  readonly failure: Failure
  constructor(kind: FailureKind, message: string, fix: string) {
    super(message)
    this.failure = { kind, message, fix }
  }
}

/** Below this a write fails though some bytes are left. */
const fullBelowBytes = 256 * 1024

/** Primary result codes, https://www.sqlite.org/rescode.html */
const kindOfSqlite: Readonly<Record<number, FailureKind>> = {
  3: 'no_access',
  5: 'in_use',
  6: 'in_use',
  8: 'read_only',
  10: 'io_error',
  11: 'corrupt',
  13: 'disk_full',
  14: 'no_access',
  26: 'corrupt',
}

const kindOfSystem: Readonly<Record<string, FailureKind>> = {
  EACCES: 'no_access',
  EPERM: 'no_access',
  EROFS: 'read_only',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EIO: 'io_error',
  ENOTDIR: 'no_access',
  EEXIST: 'no_access',
  ENOENT: 'no_access',
}

/** Another connection has a lock: the same can work in a moment. */
export function isBusy(error: unknown): boolean {
  const { errcode } = error as { errcode?: number }
  return errcode !== undefined && kindOfSqlite[errcode & 0xff] === 'in_use'
}

/** What a person can do about it, with the file named. `holder` says who else has it open, if that is known. */
export function failureOf(error: unknown, file: string, words: StoreWords, holder?: string): Failure {
  if (error instanceof StoreFault) return error.failure
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string }
  let kind = (errcode === undefined ? kindOfSystem[code ?? ''] : kindOfSqlite[errcode & 0xff]) ?? 'internal'
  // A full disk and a read-only one show as I/O errors where SQLite extends or locks its own files, and Node
  // says ENOENT when it cannot make a folder on a read-only one.
  const inAFile = code === 'ENOTDIR'
  if ((kind === 'io_error' || kind === 'no_access') && !inAFile) kind = kindOfFolder(path.dirname(file)) ?? kind
  const cause = message ?? String(error)
  const folder = path.dirname(file)
  switch (kind) {
    case 'in_use':
      return {
        kind,
        message: `${file} is in use by ${holder ?? 'another process'}`,
        fix: words.whenInUse,
      }
    case 'disk_full':
      return {
        kind,
        message: `no space is left to write ${file} (${cause})`,
        fix: `free space on the volume of ${folder}, make it larger, or shorten ${words.retentionSetting}`,
      }
    case 'read_only':
      return { kind, message: `${file} cannot be written: ${cause}`, fix: `mount ${folder} writable` }
    case 'no_access':
      return {
        kind,
        message: `${file} cannot be opened: ${cause}`,
        fix: inAFile
          ? `set ${words.placeSetting} to another place`
          : `let user ${process.getuid?.() ?? ''} create and write files in ${folder}, or set ${words.placeSetting}`,
      }
    case 'io_error':
      return {
        kind,
        message: `${file} cannot be read or written: ${cause}`,
        fix: `check the disk that holds ${folder}`,
      }
    case 'corrupt':
      return {
        kind,
        message: `${file} is damaged or is not a database (${cause})`,
        fix:
          `stop ${words.owner}, move it away together with its -wal file (mv '${file}' '${file}.damaged'), and start again ` +
          `${words.emptied}; \`sqlite3 '${file}.damaged' .recover\` can save what is still readable`,
      }
    default:
      return { kind, message: `${file}: ${cause}`, fix: '' }
  }
}

/** These pass by themselves, and soon. */
const passing: readonly FailureKind[] = ['opening', 'in_use', 'overloaded']

/** What callers see. Only a fault of the statement itself, which no caller can mend, is `internal`. */
export function errorOf({ kind, message, fix }: Failure, words: StoreWords): PulltraceError {
  if (kind === 'internal') return new PulltraceError(Code.Internal, message)
  const code = kind === 'disk_full' ? words.whenFull.code : Code.Unavailable
  const seconds = kind === 'disk_full' ? words.whenFull.retryAfterSeconds : passing.includes(kind) ? 1 : undefined
  return new PulltraceError(code, `${words.name} is unavailable: ${message}`, {
    ...(fix && { fix }),
    ...(seconds && { retryAfterSeconds: seconds }),
  })
}

/** What the folder, or the one above it that is there, says about itself. */
function kindOfFolder(folder: string): FailureKind | undefined {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < fullBelowBytes ? 'disk_full' : undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const parent = path.dirname(folder)
    return code === 'ENOENT' && parent !== folder ? kindOfFolder(parent) : kindOfSystem[code ?? '']
  }
}
