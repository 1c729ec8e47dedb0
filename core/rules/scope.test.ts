import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Scope } from './rule.ts'
import { applies, isTag, isWithin, tagFault } from './scope.ts'

describe('isTag', () => {
  for (const tag of ['a', '7', 'production', 'region:us-west-2', 'a.b_c-d', 'a::b', 'a-', 'x'.repeat(128)]) {
    it(`takes '${tag.slice(0, 20)}'`, () => assert.deepEqual([isTag(tag), tagFault(tag)], [true, undefined]))
  }
  for (const tag of ['', ':a', '-a', 'a:', 'a b', 'a\n', 'ä', 'x'.repeat(129), 'a/b']) {
    it(`refuses '${tag.slice(0, 20)}'`, () => {
      assert.equal(isTag(tag), false)
      assert.match(tagFault(tag)!, /^must be 1 to 128 of the characters/)
    })
  }
  it('refuses what is no text', () => assert.equal(isTag(7), false))
})

describe('applies', () => {
  const scope = (tags: string[], exclude_tags: string[] = []) => ({ tags, exclude_tags })
  it('wants every tag of the rule and none that it excludes', () => {
    const sensor = new Set(['a', 'b'])
    const seen = [scope([]), scope(['a', 'b']), scope(['a', 'c']), scope(['a'], ['c']), scope(['a'], ['b'])]
    assert.deepEqual(
      seen.map(each => applies(each, sensor)),
      [true, true, false, true, false],
    )
  })
})

describe('isWithin', () => {
  const names = ['a', 'b', 'c']
  const subsets = Array.from({ length: 2 ** names.length }, (_, bits) => names.filter((_, at) => bits & (1 << at)))
  const subset = fc.constantFrom(...subsets)
  const scope: fc.Arbitrary<Scope> = fc.tuple(subset, subset).map(([tags, exclude_tags]) => ({ tags, exclude_tags }))
  /** Of every sensor that there can be. */
  const sensorsOf = (of: Scope) => subsets.filter(tags => applies(of, new Set(tags)))

  it('says whether no sensor has the one rule without the other', () => {
    fc.assert(
      fc.property(scope, scope, (inner, outer) => {
        fc.pre(sensorsOf(inner).length > 0)
        const all = sensorsOf(outer)
        assert.equal(
          isWithin(inner, outer),
          sensorsOf(inner).every(tags => all.includes(tags)),
        )
      }),
    )
  })
})
