import assert from 'node:assert/strict'
import { lagsOf, type Progress } from './lag.ts'

const row = (phase: string, downloaded: number, unpacked = 0, id = 'a'): Progress => ({
  id,
  phase,
  downloaded,
  unpacked,
})

describe('lagsOf', () => {
  const told = [
    { afterMs: 1000, rows: [row('downloading', 10)] },
    { afterMs: 2000, rows: [row('downloading', 20)] },
    { afterMs: 3000, rows: [row('done', 100, 100)] },
  ]
  for (const { name, shown, ms } of [
    {
      name: 'is the time from the news to the row',
      shown: [
        { ...row('downloading', 10), atMs: 1100 },
        { ...row('downloading', 20), atMs: 2200 },
        { ...row('done', 100, 100), atMs: 3300 },
      ],
      ms: [100, 200, 300],
    },
    {
      name: 'lets a row pass over what it never showed, for something later',
      shown: [{ ...row('done', 100, 100), atMs: 2500 }],
      ms: [1500, 500, 0],
    },
    {
      name: 'is without end for a row that never got there, or is of another pull',
      shown: [
        { ...row('downloading', 15), atMs: 1100 },
        { ...row('done', 100, 100, 'b'), atMs: 1200 },
      ],
      ms: [100, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    },
    {
      name: 'is of the figures too, not of the phase alone',
      shown: [
        { ...row('downloading', 10), atMs: 1100 },
        { ...row('downloading', 20), atMs: 2100 },
        { ...row('done', 100, 99), atMs: 3100 },
        { ...row('done', 100, 100), atMs: 3900 },
      ],
      ms: [100, 100, 900],
    },
  ]) {
    it(name, () => {
      const lags = lagsOf(told, shown)
      assert.deepEqual(
        lags.map(lag => lag.ms),
        ms,
      )
    })
  }

  it('counts the same news once', () => {
    assert.equal(lagsOf([...told, { afterMs: 4000, rows: [row('done', 100, 100)] }], []).length, 3)
  })
})
