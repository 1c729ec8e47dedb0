import { fileURLToPath } from 'node:url'
import type { Setting } from '../../core/lib/settings.ts'

/** Where the two tk services keep what they share: a path, or the same as a file: URL. */
export const databaseFile: Setting<string> = {
  name: 'TK_DATABASE_URL',
  doc: 'The SQLite database of rules, events and keys: a path or a file: URL; made when it is not there.',
  default: './data/tk.db',
  parse: text => {
    // As SQLite reads it: without a slash it is relative, which a URL cannot be.
    if (/^file:[^/]/.test(text)) return text.slice('file:'.length)
    if (text.startsWith('file:')) return fileURLToPath(text)
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
      throw new Error(
        "the path or file: URL of a SQLite database, such as './data/tk.db': others are not available yet",
      )
    }
    return text
  },
}
