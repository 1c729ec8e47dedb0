import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'

describe('docs/pages.md', () => {
  const rows = readFileSync('docs/pages.md', 'utf8')
    .split('## What a test shows')[1]!
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(1)
  const tests = globSync('test/pages/*.test.ts').map(file => [file, readFileSync(file, 'utf8')] as const)

  it('names a test for every feature', () => {
    assert.ok(rows.length >= 10)
    for (const row of rows) {
      const [feature, where] = row.split('|').slice(1) as [string, string]
      const named = /"([^"]+?)(?: \.\.\.)?"/.exec(where)?.[1]
      const file = /`(test\/[^`]+)`/.exec(where)?.[1]
      assert.ok(named ?? file, `a test for:${feature}`)
      if (file !== undefined)
        assert.ok(
          tests.some(([known]) => known === file),
          file,
        )
      if (named !== undefined)
        assert.ok(
          tests.some(([, text]) => text.includes(named)),
          named,
        )
    }
  })
})
