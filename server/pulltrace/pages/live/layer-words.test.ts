import assert from 'node:assert/strict'
import { layerStates, type Phase } from '../../../../core/contract/words.ts'
import { layerWords } from './layer-words.ts'

describe('layerWords', () => {
  const said = (phase: Phase) =>
    layerStates.map(state =>
      layerWords({ digest: 'sha256:a', totalBytes: 2, downloadedBytes: 1, totalKnown: true, state }, phase),
    )

  it('says of a pull under way, or done, where its layers stand', () => {
    for (const phase of ['downloading', 'completed'] as const) assert.deepEqual(said(phase), [...layerStates])
  })

  it('says of no layer that it is under way when the pull has failed', () => {
    const ended = ['not begun', 'download not finished', 'downloaded', 'unpacking not finished', 'done', 'cached']
    assert.deepEqual(said('failed'), ended)
  })

  it('says of an end that nobody saw only what was seen', () => {
    const seen = ['last seen waiting', 'last seen downloading', 'downloaded', 'last seen unpacking', 'done', 'cached']
    assert.deepEqual(said('unknown'), seen)
  })
})
