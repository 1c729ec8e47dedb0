import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'

/**
 * The sources and all that they import, with their types stripped: path from `root` -> JavaScript. Only relative
 * imports of `.ts` files are known: what runs in a browser uses no package.
 */
export function readModules(sources: readonly string[], root: string): Map<string, string> {
  const texts = new Map<string, string>()
  const toRead = [...sources]
  for (let source = toRead.pop(); source !== undefined; source = toRead.pop()) {
    if (texts.has(source)) continue
    const text = stripped(readFileSync(path.join(root, source), 'utf8'))
    texts.set(source, text)
    for (const [, specifier] of text.matchAll(/^(?:import|export)\s(?:[\s\w{},*$]+\sfrom\s)?['"]([^'"]+)['"]/gm)) {
      if (!/^\.\.?\/.*\.ts$/.test(specifier!)) throw new TypeError(`${source} imports '${specifier}': not for browsers`)
      toRead.push(path.posix.join(path.posix.dirname(source), specifier!))
    }
  }
  return texts
}

/** Node warns once that this function may change; who runs a checkout can do nothing about it. */
function stripped(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}
