import assert from 'node:assert/strict'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { Secret } from '../../core/lib/secret.ts'
import { createApi } from '../api.ts'
import { buildEvent, frame, type Handler, openEventServer, startStream } from './event-server.fake.ts'
import { followEvents, type StreamItem, type StreamOptions } from './stream.ts'

type Server = Awaited<ReturnType<typeof openEventServer>>

describe('followEvents', () => {
  let server: Server | undefined
  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  const options = (url: URL, over: Partial<StreamOptions> = {}): StreamOptions => ({
    api: createApi(url, async () => undefined),
    path: '/api/v1/events',
    clock: systemClock,
    random: () => 0.5,
    wait: false,
    firstRetryMs: 5,
    ...over,
  })

  /** Items until `enough` says so. */
  async function take(options: StreamOptions, enough: (items: StreamItem[]) => boolean): Promise<StreamItem[]> {
    const items: StreamItem[] = []
    for await (const item of followEvents(options, AbortSignal.timeout(8000))) {
      items.push(item)
      if (enough(items)) return items
    }
    throw new Error(`the stream ended early: ${JSON.stringify(items)}`)
  }
  const kinds = (items: StreamItem[]) =>
    items.map(item =>
      item.kind === 'event' ? `event ${item.id ?? '-'}` : item.kind === 'open' ? `open ${item.resumed}` : item.kind,
    )
  const serve = async (handler: Handler) => {
    server = await openEventServer(handler)
    return server
  }

  it('hands out the state, then synced, then changes', async () => {
    const { url } = await serve((_, response) => {
      startStream(response)
      response.write(`: hello\n\nretry: 2000\n\n${frame({ data: buildEvent() })}`)
      response.write(frame({ id: 'e-1', event: 'synced' }) + frame({ id: 'e-2', data: buildEvent() }))
    })
    const items = await take(options(url), items => items.length === 4)
    assert.deepEqual(kinds(items), ['open false', 'event -', 'synced', 'event e-2'])
  })

  it('comes back with the last id, at once the first time', async () => {
    const { url, requests } = await serve((_, response, connection) => {
      startStream(response)
      response.write(frame(connection === 1 ? { id: 'e-1', event: 'synced' } : { id: 'e-2', data: buildEvent() }))
      if (connection === 1) setImmediate(() => response.destroy())
    })
    const items = await take(options(url), items => items.length === 5)
    assert.deepEqual(kinds(items), ['open false', 'synced', 'lost', 'open true', 'event e-2'])
    assert.deepEqual(
      requests.map(request => request.headers['last-event-id']),
      [undefined, 'e-1'],
    )
  })

  it('survives any cut: each id once and in order', async () => {
    const total = 200
    const text = (from: number) =>
      Array.from({ length: total - from }, (_, index) =>
        frame({ id: String(from + index + 1), data: buildEvent() }),
      ).join('')
    let seed = 1
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647
      return seed / 2_147_483_647
    }
    const { url } = await serve((request, response) => {
      startStream(response)
      const rest = text(Number(request.headers['last-event-id'] ?? 0))
      // Somewhere in the middle of a line, a character or a frame.
      const end = Math.min(rest.length, Math.ceil(random() * 8000))
      response.write(rest.slice(0, end), () => end < rest.length && response.destroy())
    })
    const ids: string[] = []
    for await (const item of followEvents(options(url, { firstRetryMs: 1 }), AbortSignal.timeout(9000))) {
      if (item.kind === 'event') ids.push(item.id!)
      if (ids.length === total) break
    }
    assert.deepEqual(
      ids,
      Array.from({ length: total }, (_, index) => String(index + 1)),
    )
  })

  it('goes on when the server is gone for a while and comes back', async () => {
    const handler: Handler = (request, response) => {
      startStream(response)
      response.write(frame({ id: request.headers['last-event-id'] === undefined ? 'old-9' : 'new-1', event: 'synced' }))
    }
    const first = await serve(handler)
    const items: StreamItem[] = []
    let losses = 0
    for await (const item of followEvents(options(first.url), AbortSignal.timeout(8000))) {
      items.push(item)
      if (item.kind === 'synced' && losses === 0) await first.close()
      if (item.kind === 'lost' && ++losses === 3) server = await openEventServer(handler, first.port)
      if (item.kind === 'synced' && losses > 0) break
    }
    assert.deepEqual(kinds(items).slice(-2), ['open true', 'synced'])
    assert.equal(server!.requests[0]!.headers['last-event-id'], 'old-9')
  })

  it('reports what it does not understand and goes on', async () => {
    const { url } = await serve((_, response) => {
      startStream(response)
      response.write(`id: 1\ndata: not json\n\nid: 2\nevent: later\ndata: {}\n\n${frame({ id: '3', data: { a: 1 } })}`)
      response.write(frame({ id: '4', data: buildEvent() }))
    })
    const items = await take(options(url), items => items.length === 4)
    assert.deepEqual(
      items.slice(1).map(item => item.kind === 'event' && [item.id, item.event !== undefined]),
      [
        ['1', false],
        ['3', false],
        ['4', true],
      ],
    )
  })

  it('doubles the wait up to 5 s, jitters it and keeps what the server asks for', async () => {
    const { url } = await serve((_, response, connection) => {
      if (connection === 1) startStream(response)
      else if (connection === 9) response.setHeader('retry-after', '45')
      if (connection > 1) response.statusCode = 503
      response.end()
    })
    const clock = new FakeClock()
    // Watchdogs would fire at once on a clock that never waits.
    const waits: number[] = []
    const sleeping = {
      ...clock,
      now: () => 0,
      monotonic: () => 0,
      sleep: (ms: number, signal?: AbortSignal) => {
        if (ms === 45_000 && signal !== undefined && waits.length < 8) {
          return new Promise<void>(() => {})
        }
        waits.push(ms)
        return Promise.resolve()
      },
    }
    await take(
      options(url, { clock: sleeping, firstRetryMs: 1000 }),
      items => items.filter(item => item.kind === 'lost').length === 9,
    )
    assert.deepEqual(waits.slice(0, 8), [750, 1500, 3000, 3750, 3750, 3750, 3750, 3750])
  })

  it('gives up a connection on which nothing comes', async () => {
    const { url } = await serve((_, response) => startStream(response))
    const items = await take(options(url, { idleMs: 30 }), items => items.length === 3)
    assert.deepEqual(kinds(items), ['open false', 'lost', 'open false'])
  })

  it('says which server does not answer, and comes back to it once it was there', async () => {
    const { url, port } = await serve((_, response, connection) => {
      if (connection === 1) startStream(response)
      if (connection === 1) setImmediate(() => response.destroy())
    })
    const silent = `no pulltrace server at http://127.0.0.1:${port}: it does not answer within 0.05 s`
    const api = createApi(url, async () => undefined, 50)
    const items = await take(options(url, { api }), items => items.length === 4)
    assert.deepEqual(kinds(items), ['open false', 'lost', 'lost', 'lost'])
    assert.deepEqual(
      items.slice(2).map(item => 'reason' in item && item.reason),
      [silent, silent],
    )
    await assert.rejects(
      take(options(url, { api }), () => false),
      { code: 'unavailable', message: silent },
    )
  })

  it('sends the token, read again for each connection', async () => {
    const { url, requests } = await serve((_, response) => {
      startStream(response)
      response.end()
    })
    let reads = 0
    const api = createApi(url, async () => new Secret(`token-${++reads}`))
    await take(options(url, { api }), items => items.length === 4)
    assert.deepEqual(
      requests.slice(0, 2).map(request => request.headers.authorization),
      ['Bearer token-1', 'Bearer token-2'],
    )
  })

  for (const { name, status, type, body, code, message } of [
    {
      name: 'a missing token',
      status: 401,
      type: 'application/json',
      body: '{"error":{"code":"unauthenticated","message":"no token"}}',
      code: 'unauthenticated',
      message: /refused: no token/,
    },
    {
      name: 'a token that may not read',
      status: 403,
      type: 'text/plain',
      body: '',
      code: 'permission_denied',
      message: /this token may not read/,
    },
    {
      name: 'a bad filter in the words of the server',
      status: 400,
      type: 'application/json',
      body: '{"error":{"message":"`phase` must be one of …"}}',
      code: 'invalid',
      message: /`phase` must be one of/,
    },
    {
      name: 'another kind of server',
      status: 404,
      type: 'text/html',
      body: '<h1>hi</h1>',
      code: 'invalid',
      message: /is not a pulltrace server: it answers 404/,
    },
    {
      name: 'a page instead of a stream',
      status: 200,
      type: 'text/html',
      body: '<h1>hi</h1>',
      code: 'invalid',
      message: /is not a pulltrace server: it does not stream events/,
    },
    {
      name: 'a server that cannot serve at the first try',
      status: 503,
      type: 'text/plain',
      body: '',
      code: 'unavailable',
      message: /answers 503/,
    },
    {
      name: 'an error that would colour the terminal',
      status: 400,
      type: 'application/json',
      body: '{"error":{"message":"\\u001b[31mred"}}',
      code: 'invalid',
      message: /�\[31mred/,
    },
  ]) {
    it(`refuses ${name}`, async () => {
      const { url } = await serve((_, response) => void response.writeHead(status, { 'content-type': type }).end(body))
      await assert.rejects(
        take(options(url), () => false),
        { code, message },
      )
    })
  }

  it('says what to do when nothing listens, and waits for it when asked to', async () => {
    const gone = await openEventServer(() => {})
    await gone.close()
    await assert.rejects(
      take(options(gone.url), () => false),
      (error: { message: string; details: { fix: string } }) => {
        assert.match(error.message, /no pulltrace server at http:\/\/127.0.0.1:\d+: nothing listens there/)
        assert.match(error.details.fix, /pulltrace up -f FILE/)
        return true
      },
    )
    const items = await take(options(gone.url, { wait: true }), items => items.length === 2)
    assert.deepEqual(kinds(items), ['lost', 'lost'])
  })

  it('ends when told to, in the middle of a connection', async () => {
    const { url } = await serve((_, response) => startStream(response))
    const stop = new AbortController()
    const items: StreamItem[] = []
    for await (const item of followEvents(options(url), stop.signal)) {
      items.push(item)
      stop.abort()
    }
    assert.deepEqual(kinds(items), ['open false'])
  })
})
