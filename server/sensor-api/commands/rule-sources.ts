import { isUtf8 } from 'node:buffer'
import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { RuleSource } from '../../rule-files/rule-file.ts'

/** Of one file or stdin. */
const mostBytes = 64 * 1024 * 1024
const isRuleFile = (name: string) => /^[^.].*\.(ya?ml|json)$/.test(name)

/**
 * What the files hold, in order; of a folder its `.yaml`, `.yml` and `.json` files by name, without those below it and
 * without hidden ones (a mounted ConfigMap has such links). `-` is stdin.
 */
export async function readSources(files: readonly string[], stdin: Readable): Promise<readonly RuleSource[]> {
  const sources: RuleSource[] = []
  for (const file of files) {
    if (file === '-') sources.push({ file: 'stdin', text: decoded('stdin', await buffer(stdin)) })
    else for (const found of await filesOf(file)) sources.push({ file: found, text: await read(found) })
  }
  return sources
}

async function filesOf(file: string): Promise<readonly string[]> {
  try {
    if (!(await stat(file)).isDirectory()) return [file]
    const names = (await readdir(file)).filter(isRuleFile).sort()
    if (names.length > 0) return names.map(name => path.join(file, name))
  } catch (cause) {
    throw notReadable(file, cause)
  }
  throw new PulltraceError(Code.Invalid, `the folder ${file} has no .yaml, .yml or .json file`)
}

async function read(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size <= mostBytes) return decoded(file, await readFile(file))
  } catch (cause) {
    throw cause instanceof PulltraceError ? cause : notReadable(file, cause)
  }
  throw new PulltraceError(Code.Invalid, `the file ${file} must have at most ${mostBytes} bytes`)
}

/** Of another encoding every name would be stored as something else. */
function decoded(file: string, bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString()
  throw new PulltraceError(Code.Invalid, `${file} must be text in UTF-8`)
}

const notReadable = (file: string, cause: unknown) =>
  new PulltraceError(Code.Invalid, `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? cause}`, {
    cause,
  })
