import assert from 'node:assert/strict'
import { advance, type Look } from './advance.ts'
import { at, epochMs, layer, reported } from './build.fake.ts'
import { layerCountOf } from './layers.ts'
import { pullOf } from './pull.ts'

const look = (seconds: number): Look => ({ nodeName: 'node-a', atMs: epochMs + seconds * 1000, intervalMs: 2000 })
const web = (first: number, second: number, more = {}) =>
  reported('web', { layers: [layer('web-1', first), layer('web-2', second)], ...more })

describe('advance', () => {
  it('starts the rate of a resumed pull at first sight', () => {
    const before = advance(undefined, web(900, 0), look(1))
    assert.equal(advance(before, web(900, 100), look(2)).bytesPerSec, 100)
  })

  it('keeps cached bytes out of the rate and the time left', () => {
    const cached = (bytes: number) =>
      reported('web', { layers: [layer('web-1', 1000, 1000, { state: 'cached' }), layer('web-2', bytes)] })
    const pull = advance(advance(undefined, cached(0), look(0)), cached(250), look(1))
    assert.deepEqual([pull.bytesPerSec, pullOf(pull).etaSeconds, pull.cachedBytes, pull.percent], [250, 3, 1000, 62.5])
  })

  it('does not take bytes back from the rate when a layer starts again', () => {
    const first = advance(undefined, web(0, 0), look(0))
    const second = advance(first, web(800, 0), look(1))
    const third = advance(
      second,
      web(0, 0, { layers: [layer('web-1', 0, 1000, { restarts: 1 }), layer('web-2', 0)] }),
      look(2),
    )
    assert.deepEqual([third.bytesPerSec, third.percent, third.downloadedBytes, third.restarts], [400, 40, 0, 1])
  })

  it('says since when nothing flows, and stops saying it with the next byte', () => {
    let pull = advance(undefined, web(0, 0), look(0))
    pull = advance(pull, web(10, 0), look(5))
    pull = advance(pull, web(10, 0), look(14))
    assert.equal(pull.stalledSinceMs, undefined)
    pull = advance(pull, web(10, 0), look(15))
    assert.equal(pull.stalledSinceMs, epochMs + 5000)
    assert.equal(advance(pull, web(11, 0), look(16)).stalledSinceMs, undefined)
  })

  it('says nothing of it where the layers were too many to be told', () => {
    let pull = advance(undefined, web(10, 0), look(0))
    pull = advance(pull, web(0, 0, { layers: [] }), look(20))
    assert.equal(pull.stalledSinceMs, undefined)
  })

  it('keeps the time each phase began', () => {
    let pull = advance(undefined, reported('web', { phase: 'resolving', totalKnown: false, layers: [] }), look(3))
    pull = advance(pull, web(0, 0), look(4))
    pull = advance(pull, web(1000, 1000, { phase: 'unpacking' }), look(9))
    pull = advance(pull, web(1000, 1000, { phase: 'completed', completedAt: at(11) }), look(12))
    assert.deepEqual(pullOf(pull).phaseStartedAt, {
      resolving: '2026-11-21T10:00:00.000Z',
      downloading: '2026-11-21T10:00:04.000Z',
      unpacking: '2026-11-21T10:00:09.000Z',
      completed: '2026-11-21T10:00:11.000Z',
    })
  })

  it('gives the average of the download once it is over, without the time of unpacking', () => {
    let pull = advance(undefined, web(0, 0), look(0))
    pull = advance(pull, web(1000, 1000, { phase: 'unpacking' }), look(4))
    pull = advance(pull, web(1000, 1000, { phase: 'completed', completedAt: at(50) }), look(50))
    assert.equal(pull.bytesPerSec, 500)
  })

  it('keeps what is known when a new agent does not know it yet', () => {
    const before = advance(undefined, web(600, 0, { phase: 'unpacking' }), look(1))
    const after = advance(before, reported('web', { phase: 'resolving', totalKnown: false, layers: [] }), look(3))
    assert.deepEqual(
      [after.phase, after.totalKnown, after.totalBytes, after.percent, layerCountOf(after.layers)],
      ['unpacking', true, 2000, 30, 2],
    )
  })

  it('counts an image without bytes as downloaded', () => {
    assert.equal(advance(undefined, reported('web', { layers: [] }), look(1)).percent, 100)
  })

  it('does not claim the bytes of a lazy pull when it completes', () => {
    const before = advance(undefined, web(0, 0, { phase: 'lazy' }), look(1))
    const after = advance(before, web(0, 0, { phase: 'completed', completedAt: at(2) }), look(2))
    assert.deepEqual([after.phase, after.percent, after.downloadedBytes], ['completed', 0, 0])
  })

  it('leaves out what it cannot know', () => {
    const pull = pullOf(
      advance(undefined, reported('web', { totalKnown: false, phase: 'resolving', layers: [] }), look(1)),
    )
    for (const field of ['totalBytes', 'percent', 'bytesPerSec', 'etaSeconds', 'completedAt', 'error']) {
      assert.ok(!(field in pull), field)
    }
  })

  it('never lets a general reason replace a specific one', () => {
    const specific = { code: 'NotFound', message: 'manifest unknown' } as const
    const before = advance(undefined, web(0, 0, { error: specific }), look(1))
    const end = web(0, 0, { phase: 'failed', completedAt: at(2), error: { code: 'Unknown', message: 'ended early' } })
    const after = advance(before, end, look(2))
    assert.deepEqual([after.errorCode, after.error], ['NotFound', 'manifest unknown'])
  })

  it('stays within what the contract says of percent, time left and bytes, whatever a layer claims', () => {
    const huge = { totalBytes: Number.MAX_SAFE_INTEGER, downloadedBytes: Number.MAX_SAFE_INTEGER }
    const claims = [layer('web-1', 10, 10, { totalKnown: false }), layer('web-2', 5000, 20, { totalKnown: false })]
    const first = advance(undefined, web(0, 0, { layers: [claims[0]!] }), look(0))
    const pull = pullOf(advance(first, web(0, 0, { layers: claims }), look(1)))
    assert.equal(pull.percent, 100)
    const layers = [layer('a', 0, 0, huge), layer('b', 0, 0, huge)]
    const large = pullOf(advance(undefined, web(0, 0, { layers }), look(0)))
    assert.deepEqual([large.totalBytes, large.downloadedBytes], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
  })

  it('says no time left below zero', () => {
    const lie = (bytes: number) => web(0, 0, { layers: [layer('web-1', bytes, 20, { totalKnown: false })] })
    assert.equal(pullOf(advance(advance(undefined, lie(10), look(0)), lie(50), look(1))).etaSeconds, 0)
  })

  it('does not let a clock that was set make a pull end before it began', () => {
    const end = web(1000, 1000, { phase: 'completed', completedAt: '2026-11-21T09:00:00Z' })
    assert.equal(advance(undefined, end, look(1)).completedAtMs, epochMs)
  })
})
