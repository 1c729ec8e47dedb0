import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Metafile } from 'esbuild'
import { noticesOf, packageFolderOf } from '../build/notices.ts'

const metafileOf = (...files: string[]): Metafile => ({
  inputs: Object.fromEntries(files.map(file => [file, { bytes: 1, imports: [] }])),
  outputs: {},
})

describe('packageFolderOf', () => {
  for (const [file, folder] of [
    ['node_modules/pino/lib/a.js', 'node_modules/pino'],
    ['node_modules/@grpc/grpc-js/build/a.js', 'node_modules/@grpc/grpc-js'],
    ['node_modules/a/node_modules/@b/c/lib/d.js', 'node_modules/a/node_modules/@b/c'],
    ['server/pulltrace/main.ts', undefined],
  ] as const) {
    it(`of ${file} is ${folder}`, () => assert.equal(packageFolderOf(file), folder))
  }
})

describe('noticesOf', () => {
  let root: string
  const add = (name: string, files: Readonly<Record<string, string>>) => {
    const folder = path.join(root, 'node_modules', name)
    mkdirSync(folder, { recursive: true })
    const manifest = JSON.stringify({ name, version: '1.0.0', license: 'MIT' })
    for (const [file, text] of Object.entries({ 'package.json': manifest, ...files })) {
      writeFileSync(path.join(folder, file), text)
    }
    return `node_modules/${name}/index.js`
  }
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), 'pulltrace-notices-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('holds licences and notices of each package once, in the order of their names', () => {
    const b = add('b', { 'LICENSE.md': 'Licence of b' })
    const a = add('a', { 'LICENCE.txt': 'Licence of a', NOTICE: 'Notice of a' })
    const notices = noticesOf([metafileOf(b, 'cli/main.ts'), metafileOf(a, b)], root)
    assert.deepEqual(notices.match(/(?:Licence|Notice) of ./g), ['Licence of a', 'Notice of a', 'Licence of b'])
    assert.match(notices, /^a 1\.0\.0 \(MIT\)$/m)
  })

  it('refuses a package without the text of its licence, and says what to do', () => {
    const bare = add('bare', {})
    assert.throws(
      () => noticesOf([metafileOf(bare)], root),
      /no licence text in bare 1\.0\.0: add one to build\/licences/,
    )
  })
})
