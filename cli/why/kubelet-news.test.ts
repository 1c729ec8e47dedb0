import assert from 'node:assert/strict'
import { kubeletNews, retryAtMs } from './kubelet-news.ts'
import { ago, buildEvent, failed, nowMs, podWarning, pulled, pulling } from './pod.fake.ts'

describe('kubeletNews', () => {
  it('takes the newest of each kind, in any order', () => {
    const { images } = kubeletNews([pulling(3), pulling(20), pulled(10), pulling(15, { container: 'other' })])
    assert.deepEqual(images.get('app'), { pullingAtMs: nowMs - 3000, pulledAtMs: nowMs - 10_000, failures: 0 })
    assert.deepEqual(images.get('other'), { pullingAtMs: nowMs - 15_000, failures: 0 })
  })

  it('counts failures over all texts, and keeps the newest', () => {
    const { images } = kubeletNews([failed('new', 5, 2), failed('old', 50, 3)])
    assert.deepEqual(images.get('app'), { failures: 5, failedAtMs: nowMs - 5000, failedText: 'new' })
  })

  it('takes the time of a series over that of its first event', () => {
    const series = { count: 4, lastObservedTime: ago(2) }
    const event = { ...failed('x', 99), lastTimestamp: null, eventTime: ago(99), series }
    assert.deepEqual(kubeletNews([event]).images.get('app'), { failures: 4, failedAtMs: nowMs - 2000, failedText: 'x' })
  })

  it('sets warnings apart that have nothing to do with images, the newest first', () => {
    const { warnings } = kubeletNews([
      podWarning('FailedMount', 'old', 9),
      podWarning('FailedMount', 'new', 1),
      failed('x', 1),
      buildEvent('Failed', 'Error: ImagePullBackOff', 1, { type: 'Warning' }),
      buildEvent('Failed', 'Error: ErrImagePull', 1, { type: 'Warning' }),
      buildEvent('BackOff', 'Back-off pulling image "x"', 1, { type: 'Warning' }),
      buildEvent('BackOff', 'Back-off restarting failed container app', 5, { type: 'Warning' }),
      buildEvent('Failed', 'Error: configmap "x" not found', 6, { type: 'Warning' }),
    ])
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['new', 'Back-off restarting failed container app', 'Error: configmap "x" not found', 'old'],
    )
  })

  it('reads init containers too, and nothing from events without a time', () => {
    const { images } = kubeletNews([
      pulling(4, { container: 'prepare', init: true }),
      { ...pulling(1), lastTimestamp: 'soon' },
      { reason: 'Pulling' },
    ])
    assert.deepEqual([...images.keys()], ['prepare'])
  })
})

describe('retryAtMs', () => {
  for (const [failures, seconds] of [
    [1, 10],
    [2, 20],
    [5, 160],
    [6, 300],
    [1000, 300],
  ] as const) {
    it(`is ${seconds} s after failure ${failures}`, () => {
      assert.equal(retryAtMs({ failures, failedAtMs: nowMs }), nowMs + seconds * 1000)
    })
  }
  it('is not known without an event', () => assert.equal(retryAtMs({ failures: 0 }), undefined))
})
