import assert from 'node:assert/strict'
import type { PullState } from '../../../core/pulls/pull.ts'
import { pullState } from './pull-state.fake.ts'
import { filterOf, linesOf, setUp } from './streams.fake.ts'

describe('a pull that a rule drops', () => {
  let parts: ReturnType<typeof setUp>

  beforeEach(() => {
    parts = setUp()
  })

  const drop = (id: string, more: Partial<PullState> = {}) =>
    parts.hub.publish([{ type: 'pull.progress', pull: pullState(id, more), dropped: true }])

  /** Connected, with the first state read. */
  function client(query = '') {
    const sink = parts.open({ filter: filterOf(query) })
    linesOf(sink)
    return sink
  }

  it('leaves every client that was shown it, by one last progress, and nobody else', () => {
    const [all, some, other] = [client(), client('phase=downloading'), client('phase=failed')]
    parts.start('web')
    drop('web')
    drop('web')
    const told = ['1 started web', '2 progress web left']
    assert.deepEqual([linesOf(all), linesOf(some), linesOf(other)], [told, told, []])
    assert.deepEqual(parts.hub.snapshot().pulls, [])
    assert.equal(parts.hub.get('web'), undefined)
  })

  it('is not told of when nobody was shown it', () => {
    const all = client()
    drop('web')
    assert.deepEqual(linesOf(all), [])
    assert.equal(parts.hub.seq, 0)
  })

  it('does not come back by Last-Event-ID, neither to who saw it nor to who did not', () => {
    parts.start('api')
    const before = parts.hub.lastEventId
    parts.start('web')
    const between = parts.hub.lastEventId
    drop('web')
    assert.deepEqual(linesOf(parts.open({ lastEventId: before })), [])
    assert.deepEqual(linesOf(parts.open({ lastEventId: between })), ['3 progress web left'])
    assert.deepEqual(linesOf(parts.open()), ['- progress api', 'synced 3'])
  })

  it('takes along the queued pull whose place it takes', () => {
    const all = client()
    parts.start('q-web', { phase: 'queued', source: 'kubelet' })
    drop('web', { replaces: ['q-web'] })
    assert.deepEqual(linesOf(all), ['1 started q-web', '2 progress q-web left'])
  })

  it('takes along what it has replaced of who hears of both only now', () => {
    parts.start('q-web', { phase: 'queued', source: 'kubelet' })
    const before = parts.hub.lastEventId
    parts.start('web', { replaces: ['q-web'] })
    drop('web')
    assert.deepEqual(linesOf(parts.open({ lastEventId: before })), ['3 progress q-web left'])
  })

  it('takes along its progress that waits to be told', () => {
    const all = client()
    parts.start('web')
    parts.hub.publish([{ type: 'pull.progress', pull: pullState('web', { downloadedBytes: 5 }) }])
    drop('web', { downloadedBytes: 6 })
    parts.hub.flush()
    assert.deepEqual(linesOf(all), ['1 started web', '2 progress web left'])
  })
})
