import assert from 'node:assert/strict'
import { ListStatusesResponse, type Status } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { ingestsIn } from './ingests.ts'

const status = (ref: string, offset: number): Status => ({
  ref,
  offset,
  total: 3_000_000,
  expected: 'sha256:ab',
  startedAt: { seconds: 1_700_000_000, nanos: 123_456_789 },
  updatedAt: { seconds: 1_700_000_001, nanos: 0 },
})

describe('ingestsIn', () => {
  const cases: Record<string, readonly Status[]> = {
    nothing: [],
    'one that has not begun': [status('layer-sha256:ab', 0)],
    'one without a name': [status('', 5)],
    'names that are not ASCII': [status('größe 層', 1)],
    'every length of an offset': Array.from({ length: 54 }, (_, bits) => status(`layer-${bits}`, 2 ** bits - 1)),
    'a hundred': Array.from({ length: 100 }, (_, i) => status(`layer-sha256:${i}`, i * 30_011)),
  }
  for (const [what, statuses] of Object.entries(cases)) {
    it(`reads as the generated code does: ${what}`, () => {
      const bytes = ListStatusesResponse.encode({ statuses: [...statuses] }).finish()
      const wanted = ListStatusesResponse.decode(bytes).statuses.map(({ ref, offset }) => ({ ref, offset }))
      assert.deepEqual(ingestsIn(bytes), wanted)
    })
  }

  it('passes over fields that a later containerd adds', () => {
    const known = ListStatusesResponse.encode({ statuses: [status('layer-a', 7)] }).finish()
    // Field 15, four bytes long; before and after what is known.
    const added = Uint8Array.of((15 << 3) | 2, 4, 1, 2, 3, 4)
    assert.deepEqual(ingestsIn(Buffer.concat([added, known, added])), [{ ref: 'layer-a', offset: 7 }])
  })

  it('refuses what is cut off', () => {
    const bytes = ListStatusesResponse.encode({ statuses: [status('layer-a', 7)] }).finish()
    assert.throws(() => ingestsIn(bytes.subarray(0, -3)))
  })
})
