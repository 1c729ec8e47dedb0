import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Metafile } from 'esbuild'

interface Package {
  readonly name: string
  readonly version: string
  readonly license: string
  /** What its authors ask to be passed on: licence and notice files, whole. */
  readonly texts: readonly string[]
}

/**
 * The licences of every package of which something is in the bundles. Throws for a package that brings no text of its
 * licence, since we may not pass that on without looking.
 */
export function noticesOf(metafiles: readonly Metafile[], root: string): string {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs))
  const folders = new Set(inputs.map(packageFolderOf).filter(folder => folder !== undefined))
  const packages = [...folders].map(folder => packageIn(path.join(root, folder)))
  const without = packages.filter(({ texts }) => texts.length === 0).map(({ name, version }) => `${name} ${version}`)
  if (without.length > 0) {
    throw new Error(`no licence text in ${without.sort().join(', ')}: add one to build/licences/, named as the package`)
  }
  // Two copies of one version are one notice.
  const byName = new Map(packages.map(found => [`${found.name} ${found.version}`, found]))
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1))
  const notices = sorted.map(([name, { license, texts }]) => `${name} (${license})\n\n${texts.join('\n\n')}`)
  const line = `\n\n${'-'.repeat(80)}\n\n`
  return `Parts of these packages are in the programs beside this file.${line}${notices.join(line)}\n`
}

/** `node_modules/a/node_modules/@b/c/lib/d.js` is of the package in `node_modules/a/node_modules/@b/c`. */
export const packageFolderOf = (file: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(file)?.[0]

function packageIn(folder: string): Package {
  const { name, version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Package
  const read = (file: string) => readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim()
  const files = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
  const texts = files.sort().map(file => read(path.join(folder, file)))
  const ours = new URL(`licences/${name.replace('/', '__')}.txt`, import.meta.url)
  if (texts.length === 0 && existsSync(ours)) texts.push(readFileSync(ours, 'utf8').trim())
  return { name, version, license, texts }
}
