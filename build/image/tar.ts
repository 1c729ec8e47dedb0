import { buffer } from 'node:stream/consumers'
import { extract } from 'tar-stream'

export interface TarEntry {
  /** Without `./` at its begin. */
  readonly path: string
  readonly type: 'file' | 'symlink' | 'other'
  readonly mode: number
  /** Where a symbolic link points, as it is written. */
  readonly target: string
  readonly bytes: Buffer
}

export async function* readTar(tar: Buffer): AsyncGenerator<TarEntry> {
  const entries = extract()
  entries.end(tar)
  for await (const entry of entries) {
    const { name, type, mode, linkname } = entry.header
    yield {
      path: name.replace(/^\.\//, ''),
      type: type === 'file' || type === 'symlink' ? type : 'other',
      mode: mode ?? 0o644,
      target: linkname ?? '',
      bytes: await buffer(entry),
    }
  }
}
