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

const bytesOf = (...statuses: readonly Status[]): Buffer =>
  Buffer.from(ListStatusesResponse.encode({ statuses: [...statuses] }).finish())

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
      const bytes = bytesOf(...statuses)
      const wanted = ListStatusesResponse.decode(bytes).statuses.map(({ ref, offset }) => ({ ref, offset }))
      assert.deepEqual(ingestsIn(bytes), wanted)
    })
  }

  it('passes over fields that a later containerd adds', () => {
    const known = bytesOf(status('layer-a', 7))
    // Field 15 as bytes, as a number, as eight bytes and as four; before and after what is known.
    const added = Buffer.of(0x7a, 4, 1, 2, 3, 4, 0x78, 0xff, 1, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7d, 1, 2, 3, 4)
    assert.deepEqual(ingestsIn(Buffer.concat([added, known, added])), [{ ref: 'layer-a', offset: 7 }])
  })

  it('refuses what is cut off', () => {
    const bytes = bytesOf(status('layer-a', 7))
    for (let length = 1; length < bytes.byteLength; length++) {
      assert.throws(() => ingestsIn(bytes.subarray(0, length)), RangeError, `${length} bytes`)
    }
  })

  const tooMuch = Buffer.alloc(200, 0xff)
  for (const { what, bytes } of [
    { what: 'a tag that does not end', bytes: tooMuch },
    { what: 'a length that does not end', bytes: Buffer.of(0x0a, ...tooMuch, 0) },
    { what: 'a number of eleven bytes', bytes: Buffer.of(0x78, ...tooMuch.subarray(0, 10), 0) },
    { what: 'a length above 2^53', bytes: Buffer.of(0x0a, ...tooMuch.subarray(0, 9), 1) },
    { what: 'an offset above 2^53', bytes: Buffer.of(0x0a, 11, 0x20, ...tooMuch.subarray(0, 9), 1) },
    { what: 'a name that is longer than its ingest', bytes: Buffer.of(0x0a, 2, 0x1a, 3, 0x61, 0x62, 0x63) },
  ]) {
    it(`refuses ${what}`, () => assert.throws(() => ingestsIn(bytes), RangeError))
  }

  it('passes over a number of the full length', () => {
    const minusOne = Buffer.of(0x78, ...tooMuch.subarray(0, 9), 1)
    assert.deepEqual(ingestsIn(Buffer.concat([minusOne, bytesOf(status('layer-a', 7))])), [
      { ref: 'layer-a', offset: 7 },
    ])
  })
})
