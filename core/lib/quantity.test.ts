import assert from 'node:assert/strict'
import { isSameQuantity, parseQuantity } from './quantity.ts'

describe('parseQuantity', () => {
  for (const { text, value } of [
    { text: '1', value: 1 },
    { text: '10m', value: 0.01 },
    { text: '0.5', value: 0.5 },
    { text: '64Mi', value: 67_108_864 },
    { text: '1.5Gi', value: 1_610_612_736 },
    { text: '2G', value: 2_000_000_000 },
    { text: '', value: undefined },
    { text: 'Mi', value: undefined },
    { text: '-1', value: undefined },
    { text: '1e3', value: undefined },
    { text: '1mi', value: undefined },
    { text: '64Mi\n', value: undefined },
  ]) {
    it(`reads ${JSON.stringify(text)}`, () => assert.equal(parseQuantity(text), value))
  }
})

describe('isSameQuantity', () => {
  for (const [one, other, same] of [
    ['1024Mi', '1Gi', true],
    ['500m', '0.5', true],
    ['1Gi', '1G', false],
    ['a lot', 'a lot', true],
    ['a lot', 'much', false],
  ] as const) {
    it(`${one} and ${other}: ${same}`, () => assert.equal(isSameQuantity(one, other), same))
  }
})
