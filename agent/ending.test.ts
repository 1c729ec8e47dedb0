import assert from 'node:assert/strict'
import { aGoneLease, anImage, startMs } from './build.fake.ts'
import { endingOf } from './ending.ts'

describe('endingOf', () => {
  const atMs = startMs + 9_000
  const record = (updatedMs: number) => ({ name: 'registry.example.com/team/app:v1', updatedMs })
  for (const { name, gone, unpacking = false, phase, message = undefined } of [
    {
      name: 'completes by a record of this pull',
      gone: { evidence: { records: [record(startMs + 1)] } },
      phase: 'completed',
    },
    {
      name: 'does not complete by an older record',
      gone: { evidence: { records: [record(startMs - 1)] } },
      phase: 'unknown',
    },
    { name: 'completes by the last snapshot', gone: { evidence: { topSnapshotMs: startMs + 1 } }, phase: 'completed' },
    {
      name: 'does not complete by an older snapshot',
      gone: { evidence: { topSnapshotMs: startMs - 1 } },
      phase: 'unknown',
    },
    { name: 'does not complete because all content is there', gone: {}, phase: 'unknown' },
    {
      name: 'fails when content is missing',
      gone: { evidence: { contentComplete: false } },
      phase: 'failed',
      message: 'the pull ended before all of its content was there',
    },
    {
      name: 'fails when not even the manifest came',
      gone: { image: anImage({ layers: undefined }), evidence: { contentComplete: undefined } },
      phase: 'failed',
      message: 'the pull ended before all of its content was there',
    },
    {
      name: 'fails when it stopped while unpacking',
      gone: {},
      unpacking: true,
      phase: 'failed',
      message: 'the pull ended while it unpacked',
    },
    {
      name: 'says that containerd was restarted',
      gone: { because: 'restarted' as const, evidence: { contentComplete: false } },
      phase: 'failed',
      message: 'containerd was restarted: the pull ended before all of its content was there',
    },
    {
      name: 'completes though containerd was restarted',
      gone: { because: 'restarted' as const, evidence: { records: [record(startMs + 1)] } },
      phase: 'completed',
    },
  ]) {
    it(name, () => {
      const ending = endingOf(aGoneLease(gone), undefined, unpacking, atMs)
      assert.deepEqual({ phase: ending.phase, message: ending.error?.message }, { phase, message })
    })
  }
})
