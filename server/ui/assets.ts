import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { readModules } from './modules.ts'

export interface Asset {
  readonly type: string
  readonly body: Buffer
  readonly gzipped: Buffer
}

export interface AssetNames {
  /** Name as views say it -> its source, from the root of the checkout: 'server/ui/browser/page.entry.ts'. */
  readonly modules: Readonly<Record<string, string>>
  /** In the order in which they apply; served as one file, 'pages.css'. */
  readonly styles: readonly string[]
}

/** Of every program that has pages. */
export const sharedModules: AssetNames['modules'] = { page: 'server/ui/browser/page.entry.ts' }
export const sharedStyles: AssetNames['styles'] = ['tokens', 'base', 'controls', 'tables', 'frame'].map(
  name => `server/ui/styles/${name}.css`,
)

/** Where a bundle keeps what browsers load: beside itself, one file for each source; build/bundle.ts makes them. */
export const bundledName = (source: string): string => source.replaceAll('/', '-').replace(/\.ts$/, '.js')

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="5" fill="#10312f"/><g fill="#4fd1b5"><rect x="4" y="5" width="16" height="3.5" rx="1.75"/><rect x="4" y="10.25" width="11" height="3.5" rx="1.75"/><rect x="4" y="15.5" width="6" height="3.5" rx="1.75"/></g></svg>`

/**
 * What browsers load, all of it read at start. Each address holds a hash of the content, so that it can be cached for
 * good. From a checkout modules are served one by one with their types stripped, from a bundle as esbuild joined them.
 */
export class Assets {
  readonly #byPath = new Map<string, Asset>()
  readonly #urls = new Map<string, string>()

  static open(names: AssetNames): Assets {
    const assets = new Assets()
    const fromBundle = import.meta.url.endsWith('.mjs')
    const root = fileURLToPath(new URL(fromBundle ? './assets/' : '../../', import.meta.url))
    const fileOf = (source: string) => `${root}${fromBundle ? bundledName(source) : source}`
    const styles = names.styles.map(source => readFileSync(fileOf(source), 'utf8'))
    assets.#add('pages.css', 'text/css; charset=utf-8', styles.join('\n'))
    assets.#add('icon.svg', 'image/svg+xml', icon)
    if (fromBundle) {
      for (const [name, source] of Object.entries(names.modules)) {
        assets.#add(name, javascript, readFileSync(fileOf(source), 'utf8'), `${name}.js`)
      }
    } else assets.#addModules(names.modules, root)
    return assets
  }

  /** Throws for a name that is none: a page without its script is a fault of ours. */
  urlOf(name: string): string {
    const url = this.#urls.get(name)
    if (url === undefined) throw new TypeError(`there is no asset '${name}'`)
    return url
  }

  get(path: string): Asset | undefined {
    return this.#byPath.get(path)
  }

  #add(name: string, type: string, text: string, file = name): void {
    const url = `/assets/${hashOf(text)}/${file}`
    this.#put(url, type, text)
    this.#urls.set(name, url)
  }

  /** They import one another by relative paths, so all live under the hash of all. */
  #addModules(modules: AssetNames['modules'], root: string): void {
    const texts = readModules(Object.values(modules), root)
    const hash = hashOf([...texts].flat().join('\0'))
    for (const [source, text] of texts) this.#put(`/assets/${hash}/${source}`, javascript, text)
    for (const [name, source] of Object.entries(modules)) this.#urls.set(name, `/assets/${hash}/${source}`)
  }

  #put(url: string, type: string, text: string): void {
    const body = Buffer.from(text)
    this.#byPath.set(url, { type, body, gzipped: gzipSync(body, { level: 9 }) })
  }
}

const javascript = 'text/javascript; charset=utf-8'
const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url').slice(0, 16)
