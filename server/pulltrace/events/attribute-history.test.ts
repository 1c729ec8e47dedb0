import assert from 'node:assert/strict'
import type { PullState } from '../../../core/pulls/pull.ts'
import { AttributeHistory } from './attribute-history.ts'
import { parsePullFilter } from './filter.ts'
import { podRef, pullState } from './pull-state.fake.ts'

const filterOf = (query: string) => parsePullFilter(new URLSearchParams(query))

describe('AttributeHistory', () => {
  it('knows what matched at each number', () => {
    const history = new AttributeHistory()
    history.record(3, pullState('a', { phase: 'resolving' }))
    history.record(5, pullState('a', { phase: 'downloading' }))
    history.record(9, pullState('a', { phase: 'unpacking' }))
    const filter = filterOf('phase=downloading')
    const matched = [0, 2, 3, 4, 5, 8, 9, 99].map(seq => history.matchedAt(seq, filter))
    assert.deepEqual(matched, [false, false, false, false, true, true, false, false])
    assert.equal(history.firstLeave(5, 99, filter), 9)
    assert.equal(history.firstLeave(5, 9, filter), undefined)
    assert.equal(history.firstLeave(9, 99, filter), undefined)
  })

  const rows: { name: string; query: string; before: Partial<PullState>; after: Partial<PullState> }[] = [
    { name: 'the phase', query: 'phase=queued', before: { phase: 'queued' }, after: { phase: 'resolving' } },
    {
      name: 'the image',
      query: 'image=unresolved',
      before: { imageRef: '(unresolved)' },
      after: { imageRef: 'app:v1' },
    },
    { name: 'the pods', query: 'namespace=shop', before: { pods: [podRef('shop', 'web')] }, after: { pods: [] } },
    {
      name: 'one pod',
      query: 'pod=web',
      before: { pods: [podRef('shop', 'web')] },
      after: { pods: [podRef('shop', 'db')] },
    },
  ]
  for (const { name, query, before, after } of rows) {
    it(`sees a change of ${name}`, () => {
      const history = new AttributeHistory()
      history.record(1, pullState('a', before))
      history.record(2, pullState('a', after))
      assert.equal(history.firstLeave(1, 3, filterOf(query)), 2)
    })
  }

  it('stays small, and takes what it has forgotten for a match', () => {
    const history = new AttributeHistory()
    for (let seq = 2; seq <= 40; seq++) history.record(seq, pullState('a', { imageRef: `app:v${seq}` }))
    const filter = filterOf('image=elsewhere')
    assert.equal(history.matchedAt(1, filter), false)
    assert.equal(history.matchedAt(2, filter), true)
    assert.equal(history.matchedAt(32, filter), true)
    assert.equal(history.matchedAt(33, filter), false)
    assert.equal(history.firstLeave(2, 99, filter), 33)
  })
})
