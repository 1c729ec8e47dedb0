import assert from 'node:assert/strict'
import fc from 'fast-check'
import { jsonFaultAt, placeOf } from './json-fault.ts'

describe('jsonFaultAt', () => {
  for (const { text, at } of [
    { text: '', at: 0 },
    { text: '{"a":}', at: 5 },
    { text: '{"a" 1}', at: 5 },
    { text: '{a:1}', at: 1 },
    { text: '[1,]', at: 3 },
    { text: '[1 2]', at: 3 },
    { text: '[1,2', at: 4 },
    { text: '{"a":1,}', at: 7 },
    { text: '"a\nb"', at: 2 },
    { text: '"\\x"', at: 1 },
    { text: '01', at: 1 },
    { text: '1.e5', at: 1 },
    { text: 'nul', at: 0 },
    { text: 'NaN', at: 0 },
    { text: '{} {}', at: 3 },
    { text: ' [true, false, null, -1.5e+3, "\\u00e9"] ', at: -1 },
  ]) {
    it(`finds ${at} in ${JSON.stringify(text)}`, () => assert.equal(jsonFaultAt(text), at))
  }

  it('takes exactly what JSON.parse takes', () => {
    const mangled = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', '}', '[', '\\', '\u0001', '0', 'x'))
      .map(([text, at, extra]) => {
        const cut = at % (text.length + 1)
        return text.slice(0, cut) + extra + text.slice(cut + 1)
      })
    fc.assert(
      fc.property(fc.oneof(fc.json(), mangled), text => assert.equal(jsonFaultAt(text) === -1, parses(text), text)),
      { numRuns: 2000 },
    )
  })

  it('survives a depth and a length that would exhaust a stack', () => {
    assert.equal(jsonFaultAt('['.repeat(1_000_000)), 1_000_000)
    assert.equal(jsonFaultAt(`"${'x'.repeat(3_000_000)}`), 3_000_001)
  })
})

describe('placeOf', () => {
  it('counts lines and columns from 1', () => assert.equal(placeOf('{\n  "a": x', 9), 'line 2, column 8'))
})

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
