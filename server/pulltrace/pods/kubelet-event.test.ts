import assert from 'node:assert/strict'
import type { CoreV1Event } from '../../../core/kube/objects.ts'
import { kubeletEventOf } from './kubelet-event.ts'

const nowMs = Date.parse('2026-11-21T10:00:00Z')

function eventOf(pod: Partial<CoreV1Event['involvedObject']> = {}, more: Partial<CoreV1Event> = {}): CoreV1Event {
  return {
    metadata: { namespace: 'shop', name: 'web.1' },
    involvedObject: {
      kind: 'Pod',
      namespace: 'shop',
      name: 'web',
      uid: 'u1',
      fieldPath: 'spec.containers{main}',
      ...pod,
    },
    reason: 'Pulling',
    message: 'Pulling image "x"',
    source: { component: 'kubelet', host: 'node-a' },
    // The API's type has a Date where its wire has text.
    ...({ lastTimestamp: '2026-11-21T09:59:58Z' } as object),
    ...more,
  }
}

describe('kubeletEventOf', () => {
  it('takes the word of a kubelet', () =>
    assert.deepEqual(kubeletEventOf(eventOf(), nowMs), {
      podUid: 'u1',
      namespace: 'shop',
      podName: 'web',
      container: 'main',
      nodeName: 'node-a',
      fact: { kind: 'pulling', atMs: nowMs - 2000 },
    }))

  const long = 'x'.repeat(1e6)
  for (const [name, event] of [
    ['another namespace', eventOf({ namespace: 'bank' })],
    ['another component', eventOf({}, { source: { component: 'scheduler' } })],
    ['no container', eventOf({ fieldPath: 'spec' })],
    ['a UID that none is', eventOf({ uid: long })],
    ['a name that none is', eventOf({ name: long })],
    ['a container that none is', eventOf({ fieldPath: `spec.containers{${long}}` })],
    ['a node that none is', eventOf({}, { source: { component: 'kubelet', host: long } })],
  ] as const) {
    it(`refuses what names ${name}`, () => assert.equal(kubeletEventOf(event, nowMs), undefined))
  }

  it('holds no more of a text than a kubelet says', () => {
    const message = `Failed to pull image "x": ${long}`
    const { fact } = kubeletEventOf(eventOf({}, { reason: 'Failed', message }), nowMs)!
    assert.ok(fact.kind === 'failure' && fact.reason.message.length === 2048)
  })
})
