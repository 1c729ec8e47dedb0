import assert from 'node:assert/strict'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { buildEvent } from './event-server.fake.ts'
import { keepDoneMs, keepFailedMs, keepMissingMs, WatchView } from './watch-view.ts'

describe('WatchView', () => {
  const tell = (view: WatchView, pull: Partial<Pull>, nowMs = 0, over: Partial<PullEvent> = {}) =>
    view.apply({ kind: 'event', id: undefined, data: {}, event: buildEvent(over, pull) }, nowMs)
  const active = (view: WatchView, nowMs = 0) => view.active(nowMs).map(({ pull }) => pull.id)
  const ended = (view: WatchView, nowMs = 0) => view.ended(nowMs).map(({ pull }) => pull.id)

  it('keeps pulls in the order in which they began', () => {
    const view = new WatchView()
    tell(view, { id: 'late', startedAt: '2026-11-21T10:00:09Z' })
    tell(view, { id: 'early', startedAt: '2026-11-21T10:00:01Z' })
    tell(view, { id: 'late', startedAt: '2026-11-21T10:00:09Z' })
    assert.deepEqual(active(view), ['early', 'late'])
  })

  for (const { name, phase, keepMs } of [
    { name: 'a finished pull for a minute', phase: 'completed', keepMs: keepDoneMs },
    { name: 'a failed pull for five', phase: 'failed', keepMs: keepFailedMs },
    { name: 'an unknown end for five', phase: 'unknown', keepMs: keepFailedMs },
  ] as const) {
    it(`shows ${name}, also when its reason comes late`, () => {
      const view = new WatchView()
      tell(view, { id: 'a', phase }, 1000)
      tell(view, { id: 'a', phase, error: 'late' }, 1500)
      assert.deepEqual(active(view, 1000), [])
      assert.deepEqual(ended(view, 1000 + keepMs - 1), ['a'])
      assert.deepEqual(ended(view, 1000 + keepMs), [])
    })
  }

  it('forgets what left the filter and what was replaced', () => {
    const view = new WatchView()
    for (const id of ['a', 'q-1', 'b']) tell(view, { id })
    tell(view, { id: 'a' }, 0, { left: true })
    tell(view, { id: 'c', replaces: ['q-1'] })
    assert.deepEqual(active(view), ['b', 'c'])
  })

  it('keeps a pull that a restarted server does not know yet, for a while', () => {
    const view = new WatchView()
    for (const id of ['a', 'b']) tell(view, { id })
    view.apply({ kind: 'reset' }, 0)
    tell(view, { id: 'b' })
    view.apply({ kind: 'synced' }, 1000)
    assert.deepEqual(active(view, 1000 + keepMissingMs - 1), ['a', 'b'])
    assert.equal(view.active(1000)[0]!.missingSinceMs, 1000)
    assert.deepEqual(active(view, 1000 + keepMissingMs), ['b'])
  })

  it('takes it back when the server hears of it', () => {
    const view = new WatchView()
    tell(view, { id: 'a' })
    view.apply({ kind: 'open', resumed: false }, 0)
    view.apply({ kind: 'synced' }, 0)
    tell(view, { id: 'a' }, 100)
    assert.deepEqual(active(view, keepMissingMs * 2), ['a'])
  })

  it('throws nothing out when a stream is resumed', () => {
    const view = new WatchView()
    tell(view, { id: 'a' })
    view.apply({ kind: 'open', resumed: true }, 0)
    view.apply({ kind: 'synced' }, 0)
    assert.deepEqual(active(view, keepMissingMs * 2), ['a'])
  })

  it('holds at most 200 ended pulls, the newest', () => {
    const view = new WatchView()
    for (let index = 0; index < 300; index++) tell(view, { id: `p${index}`, phase: 'failed' }, index)
    const ids = ended(view, 300)
    assert.equal(ids.length, 200)
    assert.equal(ids[0], 'p299')
  })

  it('forgets what completed before what failed, however new', () => {
    const view = new WatchView()
    tell(view, { id: 'failed', phase: 'failed' }, 0)
    tell(view, { id: 'unknown', phase: 'unknown' }, 1)
    for (let index = 0; index < 300; index++) tell(view, { id: `p${index}`, phase: 'completed' }, 2 + index)
    const ids = ended(view, 302)
    assert.equal(ids.length, 200)
    assert.deepEqual(ids.slice(0, 3), ['unknown', 'failed', 'p299'])
  })
})
