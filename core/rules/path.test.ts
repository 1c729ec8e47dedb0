import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatPath, parsePath } from './path.ts'
import type { FieldPath, PathSegment } from './rule.ts'

const written: readonly [text: string, path: FieldPath][] = [
  ['a.b', ['a', 'b']],
  ['a[3].b', ['a', 3, 'b']],
  ['a[*].b', ['a', '*', 'b']],
  ['a["key.with.dots"]', ['a', 'key.with.dots']],
  ['["*"]', [{ key: '*' }]],
  ['[0]', [0]],
  ['[*].t', ['*', 't']],
  ['a.3', ['a', '3']],
  ['a["say \\"hi\\""]', ['a', 'say "hi"']],
  ['k8s.io/name.größe', ['k8s', 'io/name', 'größe']],
]

describe('formatPath', () => {
  for (const [text, path] of written) it(`writes ${text}`, () => assert.equal(formatPath(path), text))
})

describe('parsePath', () => {
  for (const [text, path] of written) it(`reads ${text}`, () => assert.deepEqual(parsePath(text), path))

  for (const text of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a[',
    'a[]',
    'a[-1]',
    'a[1',
    'a.[0]',
    'a["x]',
    'a["\\q"]',
    'a b',
    '*',
    'a.*',
    'a[0]b',
  ]) {
    it(`refuses '${text}'`, () => assert.throws(() => parsePath(text), { code: 'invalid' }))
  }

  it('says where it cannot go on, and how every element is written', () => {
    assert.throws(
      () => parsePath('a.*.b'),
      (error: Error & { details: { fix?: string } }) => {
        assert.match(error.message, /character 2 is wrong/)
        return /\[\*\]/.test(error.details.fix ?? '')
      },
    )
  })

  it('reads back every path that can be written', () => {
    const key = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom('a.b', '"', '[0]', '\n', '\ud83d'),
    )
    const segment = fc.oneof(
      key.map((text): PathSegment => (text === '*' ? { key: '*' } : text)),
      fc.nat(2 ** 31 - 1),
      fc.constant('*' as const),
    )
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), path =>
        assert.deepEqual(parsePath(formatPath(path)), path),
      ),
      {
        numRuns: 500,
      },
    )
  })
})
