import assert from 'node:assert/strict'
import { silentLogger } from '../lib/log.ts'
import { SteppedClock } from '../lib/stepped-clock.fake.ts'
import { FakeApiServer } from './api-server.fake.ts'
import type { EventsV1Event, KubeObject } from './objects.ts'
import { EventRecorder } from './recorder.ts'
import { until } from './until.fake.ts'

const pod: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7' },
}
const config: KubeObject = {
  apiVersion: 'pulltrace.dev/v1alpha1',
  kind: 'PulltraceConfig',
  metadata: { name: 'pulltrace', uid: 'u2' },
}

describe('EventRecorder', () => {
  let server: FakeApiServer
  let clock: SteppedClock
  let recorder: EventRecorder
  let logged: string[]

  beforeEach(async () => {
    server = await FakeApiServer.start()
    clock = new SteppedClock(1_700_000_000_000)
    logged = []
    recorder = open()
  })

  afterEach(async () => {
    server.fault = () => undefined
    await recorder.close()
    await server[Symbol.asyncDispose]()
  })

  const open = (maxEvents = 1000) =>
    new EventRecorder({
      api: server.api(),
      controller: 'pulltrace.dev/test',
      instance: 'test-0',
      clock,
      log: { ...silentLogger, warn: text => logged.push(text) },
      maxEvents,
    })
  const written = () => server.objects.all('events.events.k8s.io') as EventsV1Event[]
  const counts = () => written().map(({ note, series }) => [note, series?.count])

  it('writes what happened, to whom and when, in the form of events.k8s.io/v1', async () => {
    recorder.event(pod, 'Warning', 'PullStalled', 'no bytes for 3 minutes', 'Pull')
    await until('it is written', () => written().length === 1)
    const { metadata, apiVersion, kind, ...event } = written()[0]!
    assert.deepEqual([apiVersion, kind, metadata?.namespace], ['events.k8s.io/v1', 'Event', 'shop'])
    assert.match(metadata!.name!, /^web\.[0-9a-f]+$/)
    assert.deepEqual(event, {
      eventTime: '2023-11-14T22:13:20.000000Z',
      type: 'Warning',
      reason: 'PullStalled',
      action: 'Pull',
      note: 'no bytes for 3 minutes',
      reportingController: 'pulltrace.dev/test',
      reportingInstance: 'test-0',
      regarding: { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7' },
    })
  })

  it('writes about what has no namespace into `default`', async () => {
    recorder.event(config, 'Normal', 'Created', 'DaemonSet made')
    await until('it is written', () => written().length === 1)
    assert.equal(written()[0]!.metadata?.namespace, 'default')
    assert.equal(written()[0]!.regarding?.namespace, undefined)
  })

  it('counts what happens again within six minutes, and writes the count at most every 30 s', async () => {
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('it is written', () => written().length === 1)
    for (let time = 0; time < 5; time++) recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('it waits', () => clock.sleeping === 1)
    const before = server.requests.length
    await clock.advance(29_999)
    assert.equal(server.requests.length, before)
    await clock.advance(1)
    await until('it is counted', () => counts()[0]![1] === 6)
    assert.deepEqual(counts(), [['it failed', 6]])
    assert.equal(written()[0]!.series?.lastObservedTime, '2023-11-14T22:13:20.000000Z')
  })

  it('takes it for something new after six minutes', async () => {
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('it is written', () => written().length === 1)
    await clock.advance(6 * 60_000)
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('another is written', () => written().length === 2)
  })

  it('writes what is new at once, while a count waits', async () => {
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('it is written', () => written().length === 1)
    recorder.event(pod, 'Warning', 'Failed', 'it failed')
    await until('the count waits', () => clock.sleeping === 1)
    recorder.event(pod, 'Normal', 'Pulled', 'it worked')
    await until('the new one is written', () => written().length === 2)
  })

  it('keeps apart what differs in anything that people read', async () => {
    recorder.event(pod, 'Warning', 'Failed', 'one')
    recorder.event(pod, 'Warning', 'Failed', 'two')
    recorder.event(pod, 'Normal', 'Failed', 'one')
    recorder.event(config, 'Warning', 'Failed', 'one')
    await until('all are written', () => written().length === 4)
  })

  it('cuts what the API server would refuse for its length', async () => {
    recorder.event(pod, 'Warning', 'R'.repeat(300), 'n'.repeat(5000), 'A'.repeat(300))
    await until('it is written', () => written().length === 1)
    const { reason, note, action } = written()[0]!
    assert.deepEqual([reason?.length, note?.length, action?.length], [128, 1024, 128])
  })

  for (const end of ['-', '.', '--', '-.-']) {
    it(`gives a long name that is cut at '${end}' to an Event that the API server takes`, async () => {
      const name = `${'a'.repeat(200 - end.length)}${end}b`
      recorder.event({ ...pod, metadata: { name, namespace: 'shop' } }, 'Normal', 'Pulled', 'it worked')
      await until('it is written', () => written().length === 1)
      // RFC 1123, as Kubernetes asks for it: each part between dots begins and ends with a letter or digit.
      assert.match(written()[0]!.metadata!.name!, /^a+(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$/)
      assert.equal(written()[0]!.regarding?.name, name)
    })
  }

  it('logs and drops what cannot be written, and goes on', async () => {
    server.fault = () => ({ status: 403, reason: 'Forbidden' })
    recorder.event(pod, 'Warning', 'Failed', 'one')
    await until('it is refused', () => logged.length === 1)
    server.fault = () => undefined
    recorder.event(pod, 'Warning', 'Failed', 'two')
    await until('the next is written', () => written().length === 1)
    assert.deepEqual(logged, ['event not written'])
  })

  it('forgets the oldest beyond its bound', async () => {
    const small = open(2)
    server.fault = () => 'hang'
    for (const note of ['one', 'two', 'three', 'four']) small.event(pod, 'Warning', 'Failed', note)
    await until('the first is under way', () => server.requests.length === 1)
    server.fault = () => undefined
    await small.close()
    assert.deepEqual(
      counts().map(([note]) => note),
      ['three', 'four'],
    )
  })

  it('writes what is left when it closes, and nothing after', async () => {
    recorder.event(pod, 'Warning', 'Failed', 'one')
    recorder.event(pod, 'Warning', 'Failed', 'one')
    recorder.event(pod, 'Warning', 'Failed', 'two')
    await recorder.close()
    recorder.event(pod, 'Warning', 'Failed', 'three')
    assert.deepEqual(counts(), [
      ['one', 2],
      ['two', undefined],
    ])
  })
})
