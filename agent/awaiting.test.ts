import assert from 'node:assert/strict'
import { answerAwaited } from './awaiting.ts'
import { digestOf, startMs } from './build.fake.ts'
import type { GoneLease } from './source.ts'

describe('answerAwaited', () => {
  const awaited = {
    id: 'a'.repeat(26),
    imageRef: `registry.example.com/team/app@${digestOf('image')}`,
    digest: digestOf('image'),
    startedAt: '2026-11-21T10:00:00.000Z',
  }
  const none: GoneLease['evidence'] = { records: [], contentComplete: undefined, topSnapshotMs: undefined }
  const record = (updatedMs: number) => ({ name: 'registry.example.com:5000/team/app:v1', updatedMs })
  const atMs = startMs + 60_000
  for (const { name, evidence, phase, imageRef = awaited.imageRef, endedMs = atMs } of [
    { name: 'is unknown when the runtime knows nothing of it', evidence: undefined, phase: 'unknown' },
    { name: 'is unknown when its manifest was collected', evidence: none, phase: 'unknown' },
    {
      name: 'is unknown when an older record is all there is',
      evidence: { ...none, records: [record(startMs - 1)] },
      phase: 'unknown',
    },
    {
      name: 'is unknown when all content is there without a record',
      evidence: { ...none, contentComplete: true },
      phase: 'unknown',
    },
    {
      name: 'completed when a record was written since',
      evidence: { ...none, records: [record(startMs + 5)] },
      phase: 'completed',
      imageRef: record(0).name,
      endedMs: startMs + 5,
    },
    {
      name: 'completed when its last snapshot was committed since',
      evidence: { ...none, topSnapshotMs: startMs + 7 },
      phase: 'completed',
      endedMs: startMs + 7,
    },
    { name: 'failed when content is missing', evidence: { ...none, contentComplete: false }, phase: 'failed' },
  ]) {
    it(name, async () => {
      const pull = await answerAwaited(awaited, { evidenceOf: async () => evidence }, atMs)
      assert.deepEqual(
        { id: pull.id, phase: pull.phase, imageRef: pull.imageRef, completedAt: pull.completedAt, layers: pull.layers },
        { id: awaited.id, phase, imageRef, completedAt: new Date(endedMs).toISOString(), layers: [] },
      )
    })
  }

  it('asks nothing for a pull that had no digest yet', async () => {
    const { digest: _, ...unresolved } = awaited
    const pull = await answerAwaited(unresolved, { evidenceOf: () => assert.fail('asked') }, atMs)
    assert.equal(pull.phase, 'unknown')
  })
})
