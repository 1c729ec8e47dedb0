import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isInexactInteger, normal, numberOfText } from './numbers.ts'

describe('numberOfText', () => {
  const rows: readonly [text: string, number: number | bigint | undefined][] = [
    ['0', 0],
    ['007', 7],
    ['+1.5e3', 1500],
    ['.5', 0.5],
    ['5.', 5],
    ['5.e1', 50],
    [' \t\r\n25\n', 25],
    ['-3', -3],
    ['999999999999999', 999_999_999_999_999],
    ['9007199254740991', 9_007_199_254_740_991],
    ['9007199254740993', 9_007_199_254_740_993n],
    ['-9007199254740993', -9_007_199_254_740_993n],
    ['9007199254740993.0', 9_007_199_254_740_992],
    ['1e400', undefined],
    ['-1e400', undefined],
    ['1e-400', 0],
    ['', undefined],
    [' ', undefined],
    ['.', undefined],
    ['+', undefined],
    ['-.e1', undefined],
    ['1e', undefined],
    ['1e+', undefined],
    ['e5', undefined],
    ['1 2', undefined],
    ['0x10', undefined],
    ['1_000', undefined],
    ['1,5', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['\u00a05', undefined],
    ['\ufeff5', undefined],
    ['\u0665', undefined],
    ['1n', undefined],
    ['1'.repeat(256), BigInt('1'.repeat(256))],
    ['1'.repeat(257), undefined],
    [`${' '.repeat(300)}1${' '.repeat(300)}`, 1],
    [`0.${'0'.repeat(255)}`, undefined],
  ]
  for (const [text, number] of rows) {
    it(`reads ${JSON.stringify(text.slice(0, 30))} as ${String(number).slice(0, 30)}`, () => {
      assert.equal(numberOfText(text), number)
    })
  }

  it('takes what the grammar takes, and gives what JavaScript reads in it', () => {
    const grammar = /^[ \t\r\n]*([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[ \t\r\n]*$/
    const text = fc.string({ unit: fc.constantFrom(...'0012.eE+- \n\tx'.split('')), maxLength: 12 })
    fc.assert(
      fc.property(text, candidate => {
        const number = grammar.test(candidate) && Number.isFinite(Number(candidate)) ? Number(candidate) : undefined
        // -0 is 0: nothing that compares or prints tells them apart.
        assert.equal(Number(numberOfText(candidate) ?? Number.NaN) + 0, Number(number ?? Number.NaN) + 0)
      }),
      { numRuns: 1000 },
    )
  })

  it('reads back every digit that an integer prints', () => {
    fc.assert(fc.property(fc.bigInt(), number => assert.equal(normal(numberOfText(String(number))!), normal(number))))
  })

  it('reads back what a double prints as that double, though beyond 2^53 the digits are an integer beside it', () => {
    const doubles = fc.double({ noNaN: true, noDefaultInfinity: true })
    const back = (number: number) => Number(numberOfText(String(number)))
    fc.assert(
      fc.property(doubles, number => assert.equal(back(number), Object.is(number, -0) ? 0 : number)),
      { examples: [[-40936419489058730]] },
    )
    assert.equal(numberOfText('-40936419489058730'), -40936419489058730n)
  })
})

describe('normal', () => {
  it('gives one value for a double and the integer that it holds', () => {
    assert.deepEqual([normal(5n), normal(2n ** 60n), normal(2n ** 53n + 1n)], [5, 2 ** 60, 2n ** 53n + 1n])
    assert.equal(normal(10n ** 400n), 10n ** 400n)
  })
})

describe('isInexactInteger', () => {
  it('begins at 2^53, in both directions and in both types', () => {
    const exact = [2 ** 53 - 1, 1 - 2 ** 53, 2n ** 53n - 1n, 0.5, 1e15]
    const inexact = [2 ** 53, -(2 ** 53), 2n ** 53n, 1e300]
    assert.deepEqual([exact.some(isInexactInteger), inexact.every(isInexactInteger)], [false, true])
  })
})
