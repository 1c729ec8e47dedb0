import assert from 'node:assert/strict'
import type { V1DaemonSet, V1StatefulSet } from '../core/kube/objects.ts'
import { kstatusOf } from './kstatus.fake.ts'
import { type ConfigStatus, progressDeadlineMs, type Running, statusOf, type Verdict } from './status.ts'

const agents = (desired: number, ready = desired, updated = desired, observed = 1): V1DaemonSet =>
  ({
    metadata: { name: 'pulltrace-agent', namespace: 'pulltrace-agents', generation: 1 },
    status: {
      observedGeneration: observed,
      desiredNumberScheduled: desired,
      numberReady: ready,
      updatedNumberScheduled: updated,
    },
  }) as V1DaemonSet

const server = (ready: number, updated = 1, observed = 1): V1StatefulSet =>
  ({
    metadata: { name: 'pulltrace-server', namespace: 'pulltrace-system', generation: 1 },
    status: { observedGeneration: observed, readyReplicas: ready, updatedReplicas: updated, replicas: 1 },
  }) as V1StatefulSet

const running = (daemonSet?: V1DaemonSet, statefulSet?: V1StatefulSet): Running => ({
  daemonSet,
  statefulSet,
  settings: { metadata: { namespace: 'pulltrace-system' }, data: { reportInterval: '2s' } },
  tls: false,
})

const nowMs = Date.parse('2026-11-21T10:00:00Z')
const applied: Verdict = { is: 'applied' }
const stalled: Verdict = { is: 'stalled', reason: 'InvalidSpec', message: 'no' }

const told = ({ conditions }: ConfigStatus) =>
  Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))

describe('statusOf', () => {
  for (const { name, verdict = applied, what, before, ready, kstatus, degraded } of [
    {
      name: 'is ready when the server and every agent are',
      what: running(agents(3), server(1)),
      ready: 'True Ready',
      kstatus: 'Current',
      degraded: 'False Healthy',
    },
    {
      name: 'is ready without any node',
      what: running(agents(0), server(1)),
      ready: 'True Ready',
      kstatus: 'Current',
      degraded: 'False Healthy',
    },
    {
      name: 'waits for the one agent of a small cluster',
      what: running(agents(1, 0), server(1)),
      ready: 'False AgentsNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'is ready and degraded when one node of many is down',
      what: running(agents(1000, 999), server(1)),
      ready: 'True Ready',
      kstatus: 'Current',
      degraded: 'True AgentsNotReady',
    },
    {
      name: 'waits when more than a tenth of the agents are missing',
      what: running(agents(1000, 899), server(1)),
      ready: 'False AgentsNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'waits for agents of the newest form',
      what: running(agents(5, 5, 2), server(1)),
      ready: 'False AgentsNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'believes no count that is older than the change',
      what: running(agents(5, 5, 5, 0), server(1)),
      ready: 'False AgentsNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'waits for the server',
      what: running(agents(1), server(0)),
      ready: 'False ServerNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'waits for a server that is being replaced',
      what: running(agents(1), server(1, 0)),
      ready: 'False ServerNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'waits for what is not there yet',
      what: running(),
      ready: 'False ServerNotReady',
      kstatus: 'InProgress',
      degraded: 'False RollingOut',
    },
    {
      name: 'is degraded at once when what was ready is not',
      what: running(agents(1), server(0)),
      before: statusOf(applied, running(agents(1), server(1)), undefined, 1, nowMs - 1000),
      ready: 'False ServerNotReady',
      kstatus: 'InProgress',
      degraded: 'True ServerNotReady',
    },
    {
      name: 'is degraded when a roll-out takes too long',
      what: running(agents(1, 0), server(1)),
      before: statusOf(applied, running(agents(1, 0), server(1)), undefined, 1, nowMs - progressDeadlineMs),
      ready: 'False AgentsNotReady',
      kstatus: 'InProgress',
      degraded: 'True ProgressDeadlineExceeded',
    },
    {
      name: 'has failed when the spec cannot be done',
      verdict: stalled,
      what: running(agents(1), server(1)),
      ready: 'False InvalidSpec',
      kstatus: 'Failed',
      degraded: 'False Stalled',
    },
    {
      name: 'goes on when something is tried again',
      verdict: { is: 'failed', reason: 'ApplyFailed', message: 'forbidden' } as Verdict,
      what: running(agents(1), server(1)),
      ready: 'False ApplyFailed',
      kstatus: 'InProgress',
      degraded: 'True ApplyFailed',
    },
    {
      name: 'is not taken for done before the first look',
      verdict: { is: 'begun' } as Verdict,
      what: { tls: false },
      ready: 'False Reconciling',
      kstatus: 'InProgress',
      degraded: 'False Reconciling',
    },
  ]) {
    it(name, () => {
      const status = statusOf(verdict, what, before, 1, nowMs)
      const seen = told(status)
      assert.deepEqual([seen['Ready'], seen['Degraded']], [ready, degraded])
      assert.equal(kstatusOf({ metadata: { generation: 1 }, status }), kstatus)
    })
  }

  it('moves lastTransitionTime only when a status flips', () => {
    const first = statusOf(applied, running(agents(2, 0), server(1)), undefined, 1, nowMs)
    const second = statusOf(applied, running(agents(2, 1), server(1)), first, 1, nowMs + 5000)
    const third = statusOf(applied, running(agents(2), server(1)), second, 1, nowMs + 9000)
    const times = (status: ConfigStatus) => status.conditions.map(({ lastTransitionTime }) => lastTransitionTime)
    assert.deepEqual(times(second), times(first))
    const [ready, reconciling, stalledAt] = times(third)
    assert.deepEqual([ready, reconciling], Array(2).fill('2026-11-21T10:00:09Z'))
    assert.equal(stalledAt, '2026-11-21T10:00:00Z')
  })

  it('says which interval is in force, not which is wanted, while the spec cannot be done', () => {
    const status = statusOf(stalled, running(agents(1), server(1)), undefined, 7, nowMs)
    assert.equal(status.reportInterval, '2s')
    assert.equal(status.observedGeneration, 7)
  })

  it('names the address that a load balancer got', () => {
    const service = {
      metadata: { namespace: 'pulltrace-system' },
      status: { loadBalancer: { ingress: [{ ip: '2001:db8::1' }] } },
    }
    const { endpoint } = statusOf(applied, { ...running(), service, tls: true }, undefined, 1, nowMs)
    assert.equal(endpoint, 'https://[2001:db8::1]:8080')
  })

  it('is no longer for more nodes', () => {
    const size = (nodes: number) =>
      JSON.stringify(statusOf(applied, running(agents(nodes), server(1)), undefined, 1, nowMs)).length
    assert.ok(size(5000) - size(1) < 40)
  })
})
