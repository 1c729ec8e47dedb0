import assert from 'node:assert/strict'
import { request } from 'node:http'
import { pagePolicy } from '../../ui/http/page-headers.ts'
import { goodPull, goodReport, post, type RunningServer, startServer } from '../start-server.fake.ts'

type Json = { readonly [name: string]: unknown }

const ended = (letter: string, phase = 'completed') =>
  goodPull({
    id: letter.repeat(26),
    phase,
    completedAt: '2026-11-21T10:01:00Z',
    ...(phase === 'failed' && { error: { code: 'NotFound', message: 'manifest unknown' } }),
  })

describe('the API', () => {
  let server: RunningServer
  const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers })
  const json = async (path: string) => (await (await get(path)).json()) as Json
  before(async () => {
    server = await startServer({ PULLTRACE_MAX_STREAMS: '1', PULLTRACE_CORS_ORIGINS: 'https://dash.example.com' })
    const url = `${server.url}/api/v1/report`
    const live = [goodPull(), goodPull({ id: 'b'.repeat(26), startedAt: '2026-11-21T10:00:05Z' })]
    assert.equal((await post(url, goodReport(1, { pulls: [...live, ended('c'), ended('d', 'failed')] }))).status, 200)
    assert.equal((await post(url, goodReport(1, { nodeName: 'node-b', pulls: [] }))).status, 200)
  })
  after(() => server.stop())

  describe('GET /api/v1/pulls', () => {
    const ids = async (query: string) =>
      ((await json(`/api/v1/pulls${query}`))['pulls'] as Json[]).map(pull => String(pull['id'])[0])

    for (const { query, found } of [
      { query: '', found: ['b', 'a'] },
      { query: '?state=finished', found: ['d', 'c'] },
      { query: '?state=finished&phase=failed', found: ['d'] },
      { query: '?state=finished&phase=downloading', found: [] },
      { query: '?node=node-b', found: [] },
      { query: '?image=team/app&node=node-a,node-b', found: ['b', 'a'] },
    ]) {
      it(`finds ${found.join(' and ') || 'nothing'} for '${query}'`, async () =>
        assert.deepEqual((await ids(query)).sort(), [...found].sort()))
    }

    it('pages through active and ended ones without a gap or a repeat', async () => {
      const seen: string[] = []
      let cursor = ''
      do {
        const page = await json(`/api/v1/pulls?state=all&limit=1${cursor}`)
        seen.push(...(page['pulls'] as Json[]).map(pull => String(pull['id'])[0]!))
        cursor = page['nextCursor'] === null ? '' : `&cursor=${page['nextCursor']}`
      } while (cursor !== '')
      assert.deepEqual(seen.slice(0, 2), ['b', 'a'])
      assert.deepEqual(seen.slice(2).sort(), ['c', 'd'])
    })

    it('gives layers only where asked for', async () => {
      const [plain] = (await json('/api/v1/pulls'))['pulls'] as Json[]
      const [full] = (await json('/api/v1/pulls?layers=true'))['pulls'] as Json[]
      assert.equal(plain!['layers'], undefined)
      assert.equal((full!['layers'] as unknown[]).length, 2)
    })

    it('answers 304 until something changes', async () => {
      for (const path of [
        '/api/v1/pulls',
        '/api/v1/pulls?state=all',
        `/api/v1/pulls/${'c'.repeat(26)}`,
        '/openapi.json',
      ]) {
        const first = await get(path)
        const etag = first.headers.get('etag')!
        assert.match(etag, /^"[\w-]{22}"$/)
        assert.equal(first.headers.get('cache-control'), 'private, no-cache')
        const second = await get(path, { 'if-none-match': etag })
        assert.equal(second.status, 304, path)
        assert.equal(await second.text(), '')
        assert.equal((await get(path, { 'if-none-match': '"other"' })).status, 200)
      }
    })
  })

  it('shows one pull as it is, or as it ended, with layers', async () => {
    for (const [id, phase] of [
      ['a', 'downloading'],
      ['d', 'failed'],
    ]) {
      const pull = await json(`/api/v1/pulls/${id!.repeat(26)}`)
      assert.equal(pull['phase'], phase)
      assert.equal((pull['layers'] as unknown[]).length, 2)
    }
  })

  it('pages through nodes by name', async () => {
    const first = await json('/api/v1/nodes?limit=1')
    const second = await json(`/api/v1/nodes?limit=1&cursor=${first['nextCursor']}`)
    const names = [first, second].flatMap(page => (page['items'] as Json[]).map(node => node['nodeName']))
    assert.deepEqual(names, ['node-a', 'node-b'])
    assert.equal(second['nextCursor'], null)
  })

  it('searches history and sums it', async () => {
    const failed = await json(
      '/api/v1/history?errorCode=NotFound&since=2026-11-21&until=2026-11-22T00:00:00Z&phase=failed',
    )
    assert.deepEqual(
      (failed['items'] as Json[]).map(pull => pull['error']),
      ['manifest unknown'],
    )
    const [sum] = (await json('/api/v1/history?groupBy=registry'))['items'] as Json[]
    assert.equal(sum!['key'], 'registry.example.com')
    assert.equal(sum!['count'], 2)
    const page = await json('/api/v1/history?limit=1')
    const next = await json(`/api/v1/history?limit=1&cursor=${page['nextCursor']}`)
    assert.notDeepEqual(page['items'], next['items'])
  })

  for (const { path, names, bound } of [
    {
      path: '/api/v1/pulls?nod=a',
      names: 'nod',
      bound: 'one of node, namespace, pod, image, phase, layers, state, limit, cursor',
    },
    { path: '/api/v1/pulls?state=running', names: 'state', bound: "one of 'active', 'finished', 'all'" },
    { path: '/api/v1/pulls?phase=done', names: 'phase', bound: /^one of 'queued', / },
    { path: '/api/v1/pulls?layers=yes', names: 'layers', bound: "'true' or 'false'" },
    { path: '/api/v1/pulls?limit=0', names: 'limit', bound: 'an integer from 1 to 5000' },
    { path: '/api/v1/pulls?limit=1e3', names: 'limit', bound: 'an integer from 1 to 5000' },
    { path: '/api/v1/pulls?limit=1&limit=2', names: 'limit', bound: 'given once' },
    { path: '/api/v1/pulls?cursor=made-up', names: 'cursor', bound: 'a `nextCursor` of an earlier answer' },
    { path: '/api/v1/pulls?state=finished&cursor=WyJhY3RpdmUiLDEsImEiXQ', names: 'cursor', bound: /nextCursor/ },
    { path: '/api/v1/pulls?state=finished&node=a,b', names: 'node', bound: 'one value when `state` is not active' },
    { path: '/api/v1/nodes?cursor=WzFd', names: 'cursor', bound: /nextCursor/ },
    { path: '/api/v1/nodes?node=a', names: 'node', bound: 'one of limit, cursor' },
    { path: '/api/v1/history?limit=1001', names: 'limit', bound: 'an integer from 1 to 1000' },
    { path: '/api/v1/history?since=yesterday', names: 'since', bound: /RFC 3339/ },
    { path: '/api/v1/history?phase=downloading', names: 'phase', bound: /^one of 'completed'/ },
    { path: '/api/v1/history?cursor=x', names: 'cursor', bound: /./ },
    { path: '/api/v1/history?groupBy=pod', names: 'groupBy', bound: "one of 'image', 'node', 'registry'" },
    { path: '/api/v1/events?phase=x', names: 'phase', bound: /^one of/ },
    { path: '/api/v1/events?filter=x', names: 'filter', bound: /^one of node/ },
    { path: '/openapi.json?v=3', names: 'v', bound: 'absent: there are no parameters here' },
  ]) {
    it(`answers 400 to ${path}`, async () => {
      const response = await get(path)
      const { error } = (await response.json()) as { error: Record<string, string> }
      assert.equal(response.status, 400, JSON.stringify(error))
      assert.equal(error['path'], names)
      if (typeof bound === 'string') assert.equal(error['bound'], bound)
      else assert.match(error['bound']!, bound)
    })
  }

  for (const { name, method = 'GET', path, headers = {}, status, code } of [
    { name: 'a path that is not there', path: '/api/v2/pulls', status: 404, code: 'not_found' },
    { name: 'a pull that is not there', path: '/api/v1/pulls/none', status: 404, code: 'not_found' },
    {
      name: 'a method that is not allowed',
      method: 'DELETE',
      path: '/api/v1/pulls',
      status: 405,
      code: 'method_not_allowed',
    },
    { name: 'GET where there is only POST', path: '/api/v1/report', status: 405, code: 'method_not_allowed' },
    {
      name: 'a client that wants XML',
      path: '/api/v1/pulls',
      headers: { accept: 'text/xml' },
      status: 406,
      code: 'not_acceptable',
    },
    {
      name: 'a client that wants the stream as JSON',
      path: '/api/v1/events',
      headers: { accept: 'application/json' },
      status: 406,
      code: 'not_acceptable',
    },
  ]) {
    it(`answers ${status} to ${name}`, async () => {
      const response = await fetch(`${server.url}${path}`, { method, headers })
      assert.equal(response.status, status)
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, code)
      if (status === 405) assert.match(response.headers.get('allow')!, /^((HEAD, GET|POST), OPTIONS)$/)
    })
  }

  it('needs no good Host header, and answers 400 to a target that is no URL', async () => {
    const answers = []
    for (const [path, host] of [
      ['/api/v1/pulls?limit=1', 'x:999999'],
      ['/api/v1/nodes', '['],
      ['/', '['],
      ['http://[/api/v1/pulls', 'localhost'],
    ] as const) {
      answers.push(
        await new Promise(resolve =>
          request(server.url, { path, headers: { host } }, response => {
            response.resume()
            resolve([response.statusCode, response.headers['content-type']?.split(';')[0]])
          }).end(),
        ),
      )
    }
    assert.deepEqual(answers, [
      [200, 'application/json'],
      [200, 'application/json'],
      [200, 'text/html'],
      [400, 'application/json'],
    ])
    assert.deepEqual(
      server.logged.filter(({ level }) => level === 'error'),
      [],
    )
  })

  it('answers HEAD as GET without a body, and OPTIONS with the methods', async () => {
    for (const path of ['/api/v1/pulls', '/api/v1/events', '/']) {
      const head = await fetch(`${server.url}${path}`, { method: 'HEAD' })
      assert.equal(head.status, 200)
      assert.equal(await head.text(), '')
    }
    const options = await fetch(`${server.url}/api/v1/report`, { method: 'OPTIONS' })
    assert.equal(options.status, 204)
    assert.equal(options.headers.get('allow'), 'POST, OPTIONS')
  })

  it('sets security headers on every answer, also on those made without Koa', async () => {
    const answers = [
      await get('/api/v1/pulls'),
      await get('/none'),
      await get('/'),
      await fetch(`${server.metricsUrl}/healthz`),
    ]
    for (const { headers } of answers) {
      assert.equal(headers.get('x-content-type-options'), 'nosniff')
      assert.match(headers.get('content-security-policy')!, /default-src 'none'/)
    }
    const long = await get('/', { 'x-long': 'x'.repeat(20_000) })
    assert.equal(long.status, 431)
    assert.equal(long.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(((await long.json()) as { error: { code: string } }).error.code, 'too_large')
  })

  it('serves a page of its own files only', async () => {
    const response = await get('/', { accept: 'text/html' })
    assert.equal(response.headers.get('content-security-policy'), pagePolicy)
    assert.match(response.headers.get('content-type')!, /^text\/html/)
    const page = await response.text()
    assert.match(page, /data-slot="active">2</)
    assert.doesNotMatch(
      page,
      /<script(?! type="module" src="\/assets\/)|<style| style=| on\w+=|https?:\/\/(?!registry)/,
    )
  })

  it('streams to as many clients as may, and tells the others when to come again', async () => {
    const stop = new AbortController()
    const stream = await fetch(`${server.url}/api/v1/events`, { signal: stop.signal })
    assert.equal(stream.headers.get('content-type'), 'text/event-stream; charset=utf-8')
    assert.equal(stream.headers.get('x-accel-buffering'), 'no')
    const refused = await get('/api/v1/events')
    assert.equal(refused.status, 503)
    const seconds = Number(refused.headers.get('retry-after'))
    assert.ok(seconds >= 5 && seconds < 15)
    stop.abort()
    await assert.rejects(stream.text())
  })

  it('lets pages of the named origins read, and no others', async () => {
    const origin = 'https://dash.example.com'
    const allowed = await get('/api/v1/pulls', { origin })
    assert.equal(allowed.headers.get('access-control-allow-origin'), origin)
    assert.match(allowed.headers.get('vary')!, /Origin/)
    const fault = await get('/api/v1/pulls?x=1', { origin })
    assert.equal(fault.headers.get('access-control-allow-origin'), origin)
    const other = await get('/api/v1/pulls', { origin: 'https://evil.example.com' })
    assert.equal(other.headers.get('access-control-allow-origin'), null)
    const preflight = await fetch(`${server.url}/api/v1/tickets`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    })
    assert.equal(preflight.status, 204)
    assert.match(preflight.headers.get('access-control-allow-headers')!, /Authorization/)
  })
})
