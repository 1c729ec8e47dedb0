import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { systemClock } from '../../../core/lib/clock.ts'
import { pullOf } from '../../../core/pulls/pull.ts'
import type { Emission } from './emission.ts'
import { matches, type PullFilter, parsePullFilter } from './filter.ts'
import { openHttpStream } from './http-stream.ts'
import { EventHub, ringDefaults } from './hub.ts'
import { pullState } from './pull-state.fake.ts'
import { StreamView } from './stream-view.fake.ts'
import { Streams } from './streams.ts'

const cuts = process.env['SOAK'] ? 1000 : 100

describe('openHttpStream', () => {
  let server: Server
  let hub: EventHub
  let streams: Streams
  let port: number
  let held: ServerResponse | undefined

  beforeEach(async () => {
    hub = new EventHub({ ...ringDefaults, clock: systemClock, epoch: 'e1' })
    streams = new Streams(hub, { clock: systemClock })
    server = createServer((request, response) => {
      if (request.url === '/held') {
        held = response
        return
      }
      const { searchParams } = new URL(request.url!, 'http://test')
      const header = request.headers['last-event-id']
      const lastEventId = Array.isArray(header) ? header[0] : header
      openHttpStream(streams, response, { filter: parsePullFilter(searchParams), layers: false, lastEventId })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
  })

  afterEach(async () => {
    streams.close()
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })

  async function request(query = '', lastEventId?: string): Promise<IncomingMessage> {
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
    const sent = get({ host: '127.0.0.1', port, path: `/?${query}`, headers, agent: false })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    // A cut is what these tests are about.
    response.on('error', () => {})
    return response
  }

  it('opens one stream for a connection that asks for many, and none for one that is gone', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(100))
    await once(socket, 'data')
    assert.equal(streams.active, 1)
    socket.destroy()
    while (streams.active > 0) await setImmediate()
  })

  it('answers with the headers of a stream, and a body that ends with the connection', async () => {
    const response = await request()
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['content-type'], 'text/event-stream; charset=utf-8')
    assert.equal(response.headers['cache-control'], 'no-cache')
    assert.equal(response.headers['x-accel-buffering'], 'no')
    assert.equal(response.headers['transfer-encoding'], undefined)
    response.destroy()
  })

  it('ends the body of every client when it closes', async () => {
    const response = await request()
    response.resume()
    streams.close()
    await once(response, 'end')
    assert.equal(response.complete, true)
  })

  it('answers HEAD with the headers only', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('HEAD / HTTP/1.1\r\nHost: test\r\n\r\n')
    let text = ''
    socket.on('data', part => {
      text += part
    })
    await once(socket, 'close')
    assert.match(text, /^HTTP\/1.1 200 OK\r\n[\s\S]*text\/event-stream[\s\S]*\r\n\r\n$/)
    assert.equal(streams.active, 0)
  })

  it('serves a stream that was asked for behind an answer that is not yet out', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /held HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n')
    let asked = 0
    server.on('request', () => asked++)
    while (asked < 2) await setImmediate()
    assert.equal(streams.active, 0)
    held!.end('first')
    let text = ''
    for await (const part of socket) {
      text += part
      if (text.endsWith('event: synced\nid: e1-0\ndata: {}\n\n')) {
        hub.publish([{ type: 'pull.started', pull: pullState('a') }])
        streams.close()
      }
    }
    assert.match(text, /first[\s\S]*retry: [\s\S]*pull\.started/)
    assert.equal(streams.active, 0)
  })

  it(`keeps its promises over ${cuts} random cuts`, async () => {
    const emitted: Emission[] = []
    hub.listen(batch => emitted.push(...batch))
    const pulls = new Publisher(hub)
    const clients: { view: StreamView; query: string; filter: PullFilter }[] = [
      '',
      'phase=downloading',
      'node=node-1&phase=unpacking,failed',
    ].map(query => ({ view: new StreamView(), query, filter: parsePullFilter(new URLSearchParams(query)) }))

    const cutOnce = async ({ view, query }: (typeof clients)[number], afterBytes: number) => {
      const response = await request(query, view.lastEventId)
      view.connect()
      let left = afterBytes
      for await (const part of response as AsyncIterable<Buffer>) {
        view.feed(part.subarray(0, left))
        left -= part.length
        if (left <= 0) break
      }
      response.destroy()
    }
    let publishing = true
    const publish = async () => {
      while (publishing) {
        pulls.step()
        await setImmediate()
      }
    }
    const publisher = publish()
    for (let cut = 0; cut < cuts; cut++) {
      await cutOnce(clients[cut % clients.length]!, 1 + Math.floor(Math.random() ** 3 * 30_000))
    }
    publishing = false
    await publisher
    hub.flush()

    pulls.end()
    for (const { view, query, filter } of clients) {
      const last = emitted.findLast(({ pull }) => matches(filter, pull))!
      const response = await request(query, view.lastEventId)
      view.connect()
      for await (const part of response as AsyncIterable<Buffer>) {
        view.feed(part)
        if (view.seen.has(last.seq) || (view.syncedSeq ?? 0) >= last.seq) break
      }
      response.destroy()
      const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1)
      const expected = hub.snapshot(filter).pulls.map(pull => pullOf(pull))
      assert.deepEqual([...view.pulls.values()].sort(byId), JSON.parse(JSON.stringify(expected.sort(byId))))
      assert.equal(view.resets, 0)
      for (const { seq, kept, pull } of emitted) {
        if (kept && seq > view.syncedSeq! && matches(filter, pull))
          assert.ok(view.seen.has(seq), `event ${seq} was seen`)
      }
    }
    assert.ok(emitted.length > cuts)
  }).timeout(300_000)
})

/** Random pulls that begin, go on and end. */
class Publisher {
  readonly #hub: EventHub
  #made = 0
  #live: string[] = []

  constructor(hub: EventHub) {
    this.#hub = hub
  }

  step(): void {
    const chance = Math.random()
    if (this.#live.length < 5 || (chance < 0.1 && this.#live.length < 30)) {
      const id = `pull-${this.#made++}`
      this.#live.push(id)
      this.#hub.publish([{ type: 'pull.started', pull: pullState(id, { nodeName: nodeOf(id), phase: 'resolving' }) }])
    } else if (chance < 0.2) {
      const [id] = this.#live.splice(Math.floor(Math.random() * this.#live.length), 1)
      this.#hub.publish([{ type: 'pull.failed', pull: pullState(id!, { nodeName: nodeOf(id!), phase: 'failed' }) }])
    } else if (chance < 0.8) {
      const id = this.#live[Math.floor(Math.random() * this.#live.length)]!
      const phase = Math.random() < 0.5 ? 'downloading' : 'unpacking'
      const downloadedBytes = Math.floor(Math.random() * 1000)
      this.#hub.publish([
        { type: 'pull.progress', pull: pullState(id, { nodeName: nodeOf(id), phase, downloadedBytes }) },
      ])
    } else this.#hub.flush()
  }

  /** The last events: of each phase that a filter of the test asks for. */
  end(): void {
    for (const phase of ['downloading', 'unpacking'] as const) {
      this.#hub.publish([{ type: 'pull.started', pull: pullState(`last-${phase}`, { nodeName: 'node-1', phase }) }])
    }
  }
}

const nodeOf = (id: string) => `node-${id.length % 2}`
