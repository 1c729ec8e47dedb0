import { buffer } from 'node:stream/consumers'
import { extract } from 'tar-stream'

export interface TarEntry {
  /** Without `./` at its begin or a slash at its end. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'other'
  readonly mode: number
  readonly owner: number
  /** Where a symbolic link points, as it is written. */
  readonly target: string
  readonly bytes: Buffer
}

export async function* readTar(tar: Buffer): AsyncGenerator<TarEntry> {
  const entries = extract()
  entries.end(tar)
  for await (const entry of entries) {
    const { name, type, mode, uid, linkname } = entry.header
    yield {
      path: name.replace(/^\.\/|\/$/g, ''),
      type: type === 'file' || type === 'directory' || type === 'symlink' ? type : 'other',
      mode: mode ?? 0o644,
      owner: uid ?? 0,
      target: linkname ?? '',
      bytes: await buffer(entry),
    }
  }
}
