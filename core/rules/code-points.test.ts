import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compareCodePoints, isLongerThan } from './code-points.ts'

const codePointsOf = (text: string) => Array.from(text, point => point.codePointAt(0)!)

/** The order by definition: number by number. */
function byDefinition(a: string, b: string): number {
  const [left, right] = [codePointsOf(a), codePointsOf(b)]
  const at = left.findIndex((point, index) => point !== right[index])
  return at < 0 || at >= right.length ? left.length - right.length : left[at]! - right[at]!
}

const units = fc.constantFrom('a', 'é', '\u0301', '😀', '😁', '\uff01', '\ud83d', '\ude00', '\ud83e')
const texts = fc.string({ unit: units, maxLength: 6 })

describe('compareCodePoints', () => {
  it('puts what is beyond 16 bits after what is not', () => {
    assert.deepEqual(['😀', '\uff01', 'a', ''].sort(compareCodePoints), ['', 'a', '\uff01', '😀'])
  })

  it('orders by code point, also with halves of surrogate pairs', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        assert.equal(Math.sign(compareCodePoints(a, b)), Math.sign(byDefinition(a, b)))
      }),
      { numRuns: 1000 },
    )
  })
})

describe('isLongerThan', () => {
  it('counts code points', () => {
    fc.assert(
      fc.property(texts, fc.nat(6), (text, bound) => {
        assert.equal(isLongerThan(text, bound), codePointsOf(text).length > bound)
      }),
    )
  })
})
