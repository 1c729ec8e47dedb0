import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { pullIdOf } from '../../core/pulls/pull-id.ts'
import { StreamView } from '../../server/pulltrace/events/stream-view.fake.ts'
import { goodPull, goodReport, post } from '../../server/pulltrace/start-server.fake.ts'
import { eventually } from '../eventually.ts'
import { startServer } from '../rig/pulltrace.ts'

const idOf = (name: string) => pullIdOf('node-a', 'k8s.io', name, '2026-11-21T10:00:00Z')

/** One connection, as long as the returned function is not called. */
async function follow(url: string, view: StreamView): Promise<() => void> {
  const headers = view.lastEventId === undefined ? {} : { 'last-event-id': view.lastEventId }
  const request = http.get(`${url}/api/v1/events?phase=downloading`, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  view.connect()
  response.on('data', chunk => view.feed(chunk))
  return () => response.destroy()
}

describe('a filter and a cut together', () => {
  it('tell on the way back what came, what left and what left for good', async function () {
    this.timeout(60_000)
    const server = await startServer()
    try {
      let seq = 0
      const report = async (phases: Readonly<Record<string, string>>) => {
        const pulls = Object.entries(phases).map(([name, phase]) =>
          goodPull({ id: idOf(name), phase, ...(phase === 'completed' && { completedAt: '2026-11-21T10:01:00Z' }) }),
        )
        const answer = await post(`${server.url}/api/v1/report`, goodReport(++seq, { pulls }))
        assert.equal(answer.status, 200, await answer.text())
      }
      const view = new StreamView()
      const holds = (...names: string[]) =>
        eventually(`the view holds ${names}`, () => {
          const same = view.pulls.size === names.length && names.every(name => view.pulls.has(idOf(name)))
          // Before that it would begin anew after a cut.
          return same && view.syncedSeq !== undefined
        })

      await report({ stays: 'downloading', leaves: 'downloading', ends: 'downloading', other: 'unpacking' })
      let cut = await follow(server.url, view)
      await holds('stays', 'leaves', 'ends')
      cut()
      const told = view.log.length
      await report({ stays: 'downloading', leaves: 'unpacking', ends: 'completed', comes: 'downloading' })
      cut = await follow(server.url, view)
      await holds('stays', 'comes')
      const lefts = view.log.slice(told).flatMap(({ event }) => (event.left ? [event.pull.id] : []))
      assert.deepEqual(lefts.sort(), [idOf('leaves'), idOf('ends')].sort())
      assert.equal(view.resets, 0)
      cut()

      await server.kill9()
      await server.restart()
      await report({ comes: 'downloading', leaves: 'downloading' })
      cut = await follow(server.url, view)
      await holds('comes', 'leaves')
      assert.equal(view.resets, 1, 'another life of the server knows no ids of the last one')
      cut()
    } finally {
      await server.stop()
    }
  })
})
