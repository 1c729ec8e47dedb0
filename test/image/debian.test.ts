import assert from 'node:assert/strict'
import { keptOf } from '../../build/image/debian.ts'

const nowMs = 1_700_000_000_000
const prefix = 'debian-trixie-amd64-'
const fetched = (agoMs: number) => `${prefix}${nowMs - agoMs}-42`

describe('keptOf', () => {
  const rows = [
    { name: 'nothing', entries: [], kept: [] },
    { name: 'the newest first', entries: [fetched(2), fetched(3), fetched(1)], kept: [1, 2, 3] },
    {
      name: 'nothing that no fetch made',
      entries: [`${prefix}old`, prefix, `${prefix}1.5-2`, 'debian-trixie-amd64', fetched(1), 'layers', '.apt-x1'],
      kept: [1],
    },
    { name: 'no other architecture', entries: [`debian-trixie-arm64-${nowMs}-42`], kept: [] },
    { name: 'what comes from the future as old', entries: [fetched(-5), fetched(3)], kept: [3, 5] },
  ]
  for (const { name, entries, kept } of rows) {
    it(name, () => {
      assert.deepEqual(
        keptOf(entries, prefix, nowMs).map(({ ageMs }) => ageMs),
        kept,
      )
    })
  }
})
