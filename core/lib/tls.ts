import { createSecureContext } from 'node:tls'
import { LiveFiles, watchFiles } from './live-files.ts'
import type { Logger } from './log.ts'

export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

interface CertAndKey {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2'
}

/** A certificate and its key that follow their files. Listeners that open with it are told of each new pair. */
export interface LiveTls extends Disposable {
  readonly value: CertAndKey
  onChange(listener: (value: CertAndKey) => void): void
}

export async function openTls({ certFile, keyFile }: TlsFiles, checkEveryMs: number, log: Logger): Promise<LiveTls> {
  const listeners: ((value: CertAndKey) => void)[] = []
  const files = await LiveFiles.open([certFile, keyFile], pairOf, log)
  const watch = watchFiles(files, checkEveryMs, value => {
    for (const listener of listeners) listener(value)
  })
  return {
    get value() {
      return files.value
    },
    onChange: listener => void listeners.push(listener),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  }
}

/** Throws when the two do not belong together, as between the writing of one file and of the other. */
function pairOf([cert = '', key = '']: readonly string[]): CertAndKey {
  const pair = { cert, key, minVersion: 'TLSv1.2' } as const
  createSecureContext(pair)
  return pair
}
