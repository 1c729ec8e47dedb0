import assert from 'node:assert/strict'
import { Registry } from 'prom-client'
import { createKubeMetrics } from './metrics.ts'
import { until } from './until.fake.ts'
import { WorkQueue } from './work-queue.ts'

describe('createKubeMetrics', () => {
  const has = async (registry: Registry, lines: readonly string[]) => {
    const text = await registry.metrics()
    for (const line of lines) assert.ok(text.split('\n').includes(line), `${line}\nnot in\n${text}`)
  }

  it('counts requests under the name and labels of client-go', async () => {
    const registry = new Registry()
    const answered = createKubeMetrics(registry).answered('10.0.0.1:443')
    answered('GET', 200, 0.1)
    answered('GET', 200, 0.1)
    answered('PATCH', 409, 0.1)
    answered('GET', 0, 10)
    await has(registry, [
      'rest_client_requests_total{code="200",method="GET",host="10.0.0.1:443"} 2',
      'rest_client_requests_total{code="409",method="PATCH",host="10.0.0.1:443"} 1',
      'rest_client_requests_total{code="<error>",method="GET",host="10.0.0.1:443"} 1',
    ])
  })

  it('says who leads, and when each watch was heard', async () => {
    const registry = new Registry()
    const metrics = createKubeMetrics(registry)
    metrics.leading('op', false)
    metrics.watched('a_watch_timestamp_seconds', 'When.', () => ({ pods: 1500, nodes: 0 }))
    await has(registry, [
      'leader_election_master_status{name="op"} 0',
      'a_watch_timestamp_seconds{resource="pods"} 1.5',
      'a_watch_timestamp_seconds{resource="nodes"} 0',
    ])
    metrics.leading('op', true)
    await has(registry, ['leader_election_master_status{name="op"} 1'])
  })

  it('follows a work queue', async () => {
    const registry = new Registry()
    const queue = new WorkQueue({ metrics: createKubeMetrics(registry).queue('q') })
    const labels = '{name="q",controller="q"}'
    await has(registry, [
      `workqueue_depth${labels} 0`,
      `workqueue_adds_total${labels} 0`,
      `workqueue_retries_total${labels} 0`,
    ])
    const gate = Promise.withResolvers<void>()
    const stop = new AbortController()
    let tries = 0
    const running = queue.run(
      async () => {
        if (++tries === 1) throw new Error('once')
        await gate.promise
      },
      { workers: 1, signal: stop.signal },
    )
    queue.add('a')
    await until('it is worked on again', () => tries === 2)
    queue.add('b')
    // Many adds of a key that is worked on are one.
    for (let time = 0; time < 3; time++) queue.add('a')
    await has(registry, [
      `workqueue_depth${labels} 1`,
      `workqueue_adds_total${labels} 4`,
      `workqueue_retries_total${labels} 1`,
      `workqueue_queue_duration_seconds_count${labels} 2`,
      `workqueue_work_duration_seconds_count${labels} 1`,
    ])
    const text = await registry.metrics()
    for (const name of ['unfinished_work_seconds', 'longest_running_processor_seconds']) {
      assert.match(text, new RegExp(`workqueue_${name}\\{name="q",controller="q"\\} [\\d.e-]*[1-9]`))
    }
    stop.abort()
    gate.resolve()
    await running
  })
})
