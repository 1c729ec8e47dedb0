import assert from 'node:assert/strict'
import { FakeApiServer } from '../../../core/kube/api-server.fake.ts'
import type { CoreV1Event, V1Pod } from '../../../core/kube/objects.ts'
import { events, pods } from '../../../core/kube/resources.ts'
import { systemClock } from '../../../core/lib/clock.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { attemptOf } from '../../../core/pulls/waiting.ts'
import { PodWatch } from './pod-watch.ts'

describe('PodWatch', () => {
  it('hears the kubelets of a namespace, whatever keeps it from another', async () => {
    await using server = await FakeApiServer.start()
    server.fault = ({ path }) =>
      path.includes('/namespaces/locked/') ? { status: 403, reason: 'Forbidden' } : undefined
    const metadata = { namespace: 'open', name: 'web' }
    const { metadata: made } = server.put<V1Pod>(pods, {
      metadata,
      spec: { nodeName: 'node-a', containers: [{ name: 'main', image: 'r.example.com/app:v1' }] },
      status: { phase: 'Pending' },
    })
    server.put<CoreV1Event>(events, {
      metadata: { namespace: 'open', name: 'web.1' },
      involvedObject: { kind: 'Pod', ...metadata, uid: made!.uid!, fieldPath: 'spec.containers{main}' },
      reason: 'Pulling',
      source: { component: 'kubelet', host: 'node-a' },
      ...({ lastTimestamp: new Date().toISOString() } as object),
    })
    const api = server.api()
    const heard = Promise.withResolvers<void>()
    const watch: PodWatch = new PodWatch({
      api,
      namespaces: ['locked', 'open'],
      changed: node => {
        const [container] = watch.waits(node).containers
        if (attemptOf(container?.facts ?? {})?.status === 'outstanding') heard.resolve()
      },
      clock: systemClock,
      log: silentLogger,
    })
    const stop = new AbortController()
    const running = watch.run(stop.signal)
    try {
      const late = AbortSignal.timeout(5000)
      late.addEventListener('abort', () => heard.reject(new Error('nothing was heard')), { once: true })
      await heard.promise
      assert.equal(watch.synced, false)
    } finally {
      stop.abort()
      await running
      api.close()
    }
  })
})
