import assert from 'node:assert/strict'
import { base32, pullIdOf } from './pull-id.ts'

describe('base32', () => {
  // RFC 4648 §10
  for (const [input, expected] of [
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ] as const) {
    it(`writes '${input}' as '${expected}'`, () => assert.equal(base32(Buffer.from(input)), expected))
  }
})

describe('pullIdOf', () => {
  it('is 26 characters that differ when any part does', () => {
    const ids = new Set([
      pullIdOf('a', 'k8s.io', 'lease', '2026-11-21T10:00:00.000000001Z'),
      pullIdOf('b', 'k8s.io', 'lease', '2026-11-21T10:00:00.000000001Z'),
      pullIdOf('a', 'default', 'lease', '2026-11-21T10:00:00.000000001Z'),
      pullIdOf('a', 'k8s.io', 'lease2', '2026-11-21T10:00:00.000000001Z'),
      pullIdOf('a', 'k8s.io', 'lease', '2026-11-21T10:00:00.000000002Z'),
      pullIdOf('ak', '8s.io', 'lease', '2026-11-21T10:00:00.000000001Z'),
    ])
    assert.equal(ids.size, 6)
    for (const id of ids) assert.match(id, /^[a-z2-7]{26}$/)
  })
})
