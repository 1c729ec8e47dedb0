import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

describe('docs/web-ui.md', () => {
  const rows = [...read('../../docs/web-ui.md').matchAll(/^\| (.+?) \| `([\w-]+\.test\.ts)` \| (.+) \|$/gm)]

  it('names a test for each feature', () => {
    assert.ok(rows.length >= 20, `${rows.length} rows`)
  })

  for (const [, feature, file, title] of rows) {
    it(`names a test that is there for: ${feature}`, () => {
      assert.ok(read(file!).includes(`'${title}'`) || read(file!).includes(`\`${title}\``), `${file} has no '${title}'`)
    })
  }
})
