import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Middleware } from 'koa'
import { systemClock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { httpStatus } from '../../../core/lib/http-status.ts'
import { type Logger, silentLogger } from '../../../core/lib/log.ts'
import { goodReport, post } from '../start-server.fake.ts'
import { createApp, type Route } from './app.ts'
import { type AgentAuth, openAgents, openGrant, type ReaderAuth } from './auth.ts'
import { BodyBudget } from './body.ts'
import { readBy } from './grants.ts'
import { takeReport } from './report.ts'

/** One route at /, on a free port. */
const serve = (handler: Middleware, log?: Logger) =>
  serveRoutes(
    (['GET', 'POST'] as const).map(method => ({ method, path: '/', handlers: [handler] })),
    log,
  )

async function serveRoutes(routes: readonly Route[], log: Logger = silentLogger) {
  const answered: unknown[][] = []
  const app = createApp({
    routes,
    corsOrigins: [],
    answered: (...row) => answered.push(row.slice(0, 3)),
    clock: systemClock,
    log,
  })
  const server = createServer(app.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    answered,
    [Symbol.dispose]: () => void server.close().closeAllConnections(),
  }
}

describe('createApp', () => {
  for (const [code, status] of Object.entries(httpStatus) as [Code, number][]) {
    it(`answers ${status} to '${code}', with what may be told`, async () => {
      const details = { path: 'a', bound: 'b', seen: 'c', fix: 'd', cause: new Error('secret cause') }
      using server = await serve(() => {
        throw new PulltraceError(code, 'what went wrong', details)
      })
      const response = await fetch(server.url)
      assert.equal(response.status, status)
      const message = code === Code.Internal ? 'internal error' : 'what went wrong'
      assert.deepEqual(await response.json(), { error: { code, message, path: 'a', bound: 'b', seen: 'c', fix: 'd' } })
      assert.equal(response.headers.get('cache-control'), 'no-store')
      assert.equal(response.headers.get('retry-after'), status === 429 || status === 503 ? '1' : null)
      assert.equal(response.headers.has('www-authenticate'), status === 401)
      assert.deepEqual(server.answered, [['/', 'GET', status]])
    })
  }

  describe('with routes of one handler and of several', () => {
    const name =
      (word: string): Middleware =>
      ctx => {
        ctx.body = `${word} ${ctx['params']?.['id'] ?? '-'} ${ctx['_matchedRoute']}`
      }
    const through: Middleware = (_, next) => next()
    const routes: readonly Route[] = [
      { method: 'POST', path: '/one', handlers: [name('post')] },
      { method: 'GET', path: '/one', handlers: [name('get')] },
      { method: 'GET', path: '/many', handlers: [through, name('many')] },
      { method: 'GET', path: '/pulls/:id', handlers: [name('pull')] },
    ]
    for (const [method, target, status, body] of [
      ['POST', '/one', 200, 'post - /one'],
      ['GET', '/one?a=b', 200, 'get - /one'],
      ['GET', '/one/', 200, 'get - /one'],
      ['GET', '/ONE', 200, 'get - /one'],
      ['GET', '/many', 200, 'many - /many'],
      ['GET', '/pulls/:id', 200, 'pull :id /pulls/:id'],
      ['GET', '/pulls/7', 200, 'pull 7 /pulls/:id'],
      ['HEAD', '/one', 200, ''],
      ['DELETE', '/one', 405, undefined],
      ['POST', '/many', 405, undefined],
      ['GET', '/none', 404, undefined],
    ] as const) {
      it(`answers ${status} to ${method} ${target}, ${body === undefined ? 'by no route' : `as '${body}'`}`, async () => {
        using server = await serveRoutes(routes)
        const response = await fetch(new URL(target, server.url), { method })
        assert.equal(response.status, status)
        if (body !== undefined) assert.equal(await response.text(), body)
      })
    }
  })

  it('says when to try again, in whole seconds', async () => {
    using server = await serve(() => {
      throw new PulltraceError(Code.Unavailable, 'busy', { retryAfterSeconds: 2.1 })
    })
    assert.equal((await fetch(server.url)).headers.get('retry-after'), '3')
  })

  it('tells the log, and no client, what an unexpected error was', async () => {
    const logged: unknown[] = []
    const log = { ...silentLogger, error: (...row: unknown[]) => logged.push(...row) }
    using server = await serve(() => {
      throw new TypeError('select * from secrets')
    }, log)
    const text = await (await fetch(`${server.url}?ticket=abc`)).text()
    assert.equal(text, '{"error":{"code":"internal","message":"internal error"}}')
    const [message, fields] = logged as [string, { error: PulltraceError; path: string }]
    assert.equal(message, 'request failed')
    assert.equal(fields.path, '/')
    assert.equal((fields.error.cause as Error).message, 'select * from secrets')
  })
})

describe('takeReport', () => {
  const stale = { accepted: false, acknowledged: false, reportIntervalMs: 1, idleReportIntervalMs: 1, awaiting: [] }
  const parts = (budget: BodyBudget, agents: AgentAuth = openAgents) => {
    const results: string[] = []
    const route = takeReport({
      intake: { accept: () => stale },
      agents,
      budget,
      counted: result => results.push(result),
    })
    return { route, results }
  }

  it('answers 429 when bodies in flight hold what they may, before and after inflating, and gives all of it back', async () => {
    const budget = new BodyBudget(1000)
    const { route, results } = parts(budget)
    using server = await serve(route)
    const large = JSON.stringify(goodReport(1)).padEnd(2000)
    const answers = [
      await post(server.url, large),
      await post(server.url, gzipSync(large), { 'content-encoding': 'gzip' }),
      await post(server.url, JSON.stringify(goodReport(1, { pulls: [] }))),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status),
      [429, 429, 200],
    )
    assert.equal(answers[0]!.headers.get('retry-after'), '2')
    assert.equal(budget.heldBytes, 0)
    assert.deepEqual(results, ['resource_exhausted', 'resource_exhausted', 'stale'])
  })

  it('says from which address a credential comes, also for readers', async () => {
    const seen: unknown[] = []
    const { route } = parts(new BodyBudget(1e6), (_, from) => {
      seen.push(from)
      return { nodeName: undefined }
    })
    using reports = await serve(route)
    await post(reports.url, goodReport(1))
    const readers: ReaderAuth = ({ from }) => {
      seen.push(from)
      return openGrant
    }
    using reads = await serve(readBy(readers))
    await fetch(reads.url)
    assert.deepEqual(seen, ['127.0.0.1', '127.0.0.1'])
  })

  it('answers 403 to a credential of another node', async () => {
    const { route } = parts(new BodyBudget(1e6), () => ({ nodeName: 'node-b' }))
    using server = await serve(route)
    const response = await post(server.url, goodReport(1))
    assert.equal(response.status, 403)
    const { error } = (await response.json()) as { error: Record<string, string> }
    assert.deepEqual([error['path'], error['bound'], error['seen']], ['nodeName', "'node-b'", "'node-a'"])
  })
})
