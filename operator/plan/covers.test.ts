import assert from 'node:assert/strict'
import fc from 'fast-check'
import { covers } from './covers.ts'

describe('covers', () => {
  for (const { name, there, wanted, is } of [
    { name: 'takes defaults of the API server', there: { a: 1, b: 2 }, wanted: { a: 1 }, is: true },
    { name: 'sees another value', there: { a: 1 }, wanted: { a: 2 }, is: false },
    { name: 'takes what is absent as empty', there: {}, wanted: { tolerations: [] }, is: true },
    { name: 'sees that something should be empty', there: { a: [1] }, wanted: { a: [] }, is: false },
    { name: 'sees a missing field', there: {}, wanted: { a: { b: 1 } }, is: false },
    {
      name: 'finds items by name between those of others',
      there: {
        env: [
          { name: 'x', value: '1' },
          { name: 'ours', value: '2' },
        ],
      },
      wanted: { env: [{ name: 'ours', value: '2' }] },
      is: true,
    },
    {
      name: 'finds mounts by their path, as a volume may be mounted twice',
      there: {
        volumeMounts: [
          { name: 'v', mountPath: '/a' },
          { name: 'v', mountPath: '/b' },
        ],
      },
      wanted: { volumeMounts: [{ name: 'v', mountPath: '/b' }] },
      is: true,
    },
    { name: 'compares a list of texts as a whole', there: { args: ['a', 'b'] }, wanted: { args: ['a'] }, is: false },
    {
      name: 'knows a quantity in its other form',
      there: { limits: { memory: '1Gi', cpu: '500m' } },
      wanted: { limits: { memory: '1024Mi', cpu: '0.5' } },
      is: true,
    },
    {
      name: 'knows that form for quantities only',
      there: { env: [{ name: 'a', value: '1k' }] },
      wanted: { env: [{ name: 'a', value: '1000' }] },
      is: false,
    },
    {
      name: 'sees another quantity',
      there: { requests: { memory: '2Gi' } },
      wanted: { requests: { memory: '1Gi' } },
      is: false,
    },
  ]) {
    it(name, () => assert.equal(covers(there, wanted), is))
  }

  it('holds for every object and itself', () => {
    fc.assert(fc.property(fc.jsonValue(), value => covers(value, value)))
  })
})
