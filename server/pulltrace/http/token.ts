import { LiveFiles, watchFiles } from '../../../core/lib/live-files.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { Secret } from '../../../core/lib/secret.ts'

export interface LiveToken extends Disposable {
  readonly value: Secret
}

/** A token that follows its file. White space at its ends does not count: editors add a new line. */
export async function openToken(file: string, checkEveryMs: number, log: Logger): Promise<LiveToken> {
  const files = await LiveFiles.open([file], contents => tokenOf(file, contents[0]!), log)
  const watch = watchFiles(files, checkEveryMs)
  return {
    get value() {
      return files.value
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  }
}

function tokenOf(file: string, text: string): Secret {
  const token = text.trim()
  // An empty token would let in whoever sends an empty one.
  if (token === '' || /\s/.test(token)) throw new Error(`'${file}' must hold one token and nothing else`)
  return new Secret(token)
}
