import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { KubeError } from '../../../core/kube/kube-error.ts'
import { FakeClock } from '../../../core/lib/clock.fake.ts'
import { silentLogger } from '../../../core/lib/log.ts'
import { openGrant, orByTicket } from './auth.ts'
import { GrantGuard, unsureForMs } from './grants.ts'
import { kubeAgents } from './kube-agents.ts'
import { kubeReaders } from './kube-readers.ts'
import { KubeReview } from './kube-review.ts'
import { agentStatus, FakeReviews, gone, jwt } from './kube-tokens.fake.ts'
import { Tickets, ticketLifeMs } from './tickets.ts'
import { goodForMs } from './verdict-cache.ts'

const startMs = Date.parse('2026-11-21T10:00:00Z')
const good = jwt({ aud: ['pulltrace-server'], exp: startMs / 1000 + 3600 })
const account = { namespace: 'pulltrace-agents', name: 'pulltrace-agent' }

function setUp() {
  const api = new FakeReviews()
  const clock = new FakeClock(startMs)
  const results: string[] = []
  const logged: string[] = []
  const log = { ...silentLogger, error: (m: string) => logged.push(m), info: (m: string) => logged.push(m) }
  const review = new KubeReview({ api, reviewed: result => results.push(result), clock, log })
  return { api, clock, results, logged, review }
}

/** What somebody with this token gets: an answer, or the error. */
const ask = async <T>(auth: (header: string | undefined) => T | Promise<T>, token: string) => auth(`Bearer ${token}`)

describe('kubeAgents', () => {
  const agents = () => {
    const parts = setUp()
    return { ...parts, auth: kubeAgents(parts.review, account, parts.clock) }
  }

  it('knows an agent and its node, and does not ask again for a minute', async () => {
    const { api, auth, results } = agents()
    api.know(good, { status: agentStatus('node-a') })
    assert.deepEqual(await ask(auth, good), { nodeName: 'node-a' })
    assert.deepEqual(auth(`Bearer ${good}`), { nodeName: 'node-a' }, 'without a promise')
    assert.deepEqual(api.asked, [{ token: good, audiences: ['pulltrace-server'] }])
    assert.deepEqual(results, ['allowed'])
  })

  for (const { name, token, status, code, says, unasked } of [
    {
      name: 'a token for another audience',
      token: jwt({ aud: ['https://kubernetes.default.svc'] }),
      status: undefined,
      code: 'unauthenticated',
      says: /it is meant for 'https:\/\/kubernetes.default.svc', not for 'pulltrace-server'/,
      unasked: true,
    },
    {
      name: 'a token that ended',
      token: jwt({ aud: 'pulltrace-server', exp: startMs / 1000 - 301 }),
      status: undefined,
      code: 'unauthenticated',
      says: /it ended at 2026-11-21T09:54:59.000Z/,
      unasked: true,
    },
    {
      name: 'a token that ended just now, as clocks differ',
      token: jwt({ aud: 'pulltrace-server', exp: startMs / 1000 - 60 }),
      status: undefined,
      code: 'unauthenticated',
      says: /it ended at 2026-11-21T09:59:00.000Z/,
    },
    {
      name: 'a token with an end that is no time',
      token: jwt({ aud: 'pulltrace-server', exp: -1e300 }),
      status: undefined,
      code: 'unauthenticated',
      says: /it ended at no time that there is/,
      unasked: true,
    },
    {
      name: 'a token of a pod that is gone',
      token: good,
      status: undefined,
      code: 'unauthenticated',
      says: /does not know it, or whom it was bound to is gone/,
    },
    {
      name: 'a good token from an authenticator that knows no audiences',
      token: good,
      status: agentStatus('node-a', { audiences: [] }),
      code: 'unauthenticated',
      says: /not valid/,
    },
    {
      name: 'a token bound to no node',
      token: good,
      status: agentStatus(undefined),
      code: 'permission_denied',
      says: /bound to no node/,
    },
    {
      name: 'a token bound to a node without a name',
      token: good,
      status: agentStatus(''),
      code: 'permission_denied',
      says: /bound to no node/,
    },
    {
      name: 'a token of another ServiceAccount',
      token: good,
      status: agentStatus('node-a', { user: { username: 'system:serviceaccount:default:pulltrace-agent' } }),
      code: 'permission_denied',
      says: /belongs to 'system:serviceaccount:default:pulltrace-agent', and only ServiceAccount 'pulltrace-agents\/pulltrace-agent' may report/,
    },
  ]) {
    it(`refuses ${name}`, async () => {
      const { api, auth, results } = agents()
      if (status) api.know(token, { status })
      await assert.rejects(ask(auth, token), (error: { code: string; message: string; details: { fix: string } }) => {
        assert.equal(error.code, code)
        assert.match(error.message, says)
        assert.match(error.details.fix, /audience 'pulltrace-server'/)
        return true
      })
      // What a token's own words rule out costs the API server nothing.
      assert.deepEqual(results, unasked ? [] : ['refused'])
      assert.equal(api.asked.length, unasked ? 0 : 1)
    })
  }

  it('asks nobody about what cannot be a token of an agent', async () => {
    const { api, auth } = agents()
    for (const token of ['garbage', 'a.b', 'a.b.c', 'a.b.c.d', `x.${Buffer.from('7').toString('base64url')}.y`]) {
      await assert.rejects(ask(auth, token), { code: 'unauthenticated' })
    }
    await assert.rejects(async () => auth(undefined), { code: 'unauthenticated' })
    assert.deepEqual(api.asked, [])
  })

  it('answers 503, never 401, while the API server is away, and says so once', async () => {
    const { api, auth, logged, results } = agents()
    api.away = gone()
    for (let time = 0; time < 3; time++) {
      await assert.rejects(ask(auth, good), (error: { code: string; details: { retryAfterSeconds: number } }) => {
        assert.equal(error.code, 'unavailable')
        assert.ok(error.details.retryAfterSeconds >= 1)
        return true
      })
    }
    api.away = new KubeError(429, 'TooManyRequests', 'slow down', { retryAfterMs: 7000 })
    await assert.rejects(ask(auth, good), (error: { details: { retryAfterSeconds: number } }) => {
      assert.equal(error.details.retryAfterSeconds, 7)
      return true
    })
    api.away = undefined
    api.know(good, { status: agentStatus('node-a') })
    await ask(auth, good)
    assert.deepEqual(logged, ['tokens cannot be reviewed', 'tokens are reviewed again'])
    assert.deepEqual(results, ['unavailable', 'unavailable', 'unavailable', 'unavailable', 'allowed'])
  })

  it('says what is missing when the server itself may not ask', async () => {
    const { api, clock } = setUp()
    const told: unknown[] = []
    const log = { ...silentLogger, error: (_: string, fields?: Record<string, unknown>) => told.push(fields?.['fix']) }
    const review = new KubeReview({ api, reviewed() {}, clock, log })
    api.away = new KubeError(403, 'Forbidden', 'tokenreviews.authentication.k8s.io is forbidden')
    await assert.rejects(ask(kubeAgents(review, account, clock), good), { code: 'unavailable' })
    assert.match(String(told), /let the server's ServiceAccount create tokenreviews .* ClusterRole 'pulltrace-server'/)
  })

  it('refuses within a minute an agent whose pod is gone', async () => {
    const { api, auth, clock } = agents()
    api.know(good, { status: agentStatus('node-a') })
    await ask(auth, good)
    api.forget(good)
    clock.advance(goodForMs)
    await assert.rejects(ask(auth, good), { code: 'unauthenticated' })
  })
})

describe('kubeReaders', () => {
  const reader = { status: { authenticated: true, user: { username: 'ann', groups: ['dev'], extra: { a: ['b'] } } } }
  const readers = () => {
    const parts = setUp()
    const tickets = new Tickets(parts.clock)
    const auth = kubeReaders(parts.review, parts.clock)
    return { ...parts, tickets, auth, withTickets: orByTicket(auth, tickets) }
  }

  it('lets in whoever may get pulltraceconfigs, with any kind of token, and asks once a minute', async () => {
    const { api, auth } = readers()
    api.know('opaque', { ...reader, mayRead: true })
    await ask(auth, 'opaque')
    assert.ok(!(auth('Bearer opaque') instanceof Promise))
    assert.deepEqual(api.asked, [{ token: 'opaque', audiences: [] }])
    assert.deepEqual(api.specs, [
      {
        user: 'ann',
        groups: ['dev'],
        extra: { a: ['b'] },
        resourceAttributes: { group: 'pulltrace.dev', resource: 'pulltraceconfigs', verb: 'get' },
      },
    ])
  })

  it('asks for this server about a token made for this server', async () => {
    const { api, auth } = readers()
    const status = { ...reader.status, audiences: ['pulltrace-server'] }
    api.know(good, { status, mayRead: true })
    await ask(auth, good)
    assert.deepEqual(api.asked[0]!.audiences, ['pulltrace-server'])
  })

  it('refuses whom the cluster does not know, and who may not', async () => {
    const { api, auth } = readers()
    await assert.rejects(ask(auth, 'nobody'), { code: 'unauthenticated' })
    api.know('opaque', { ...reader, mayRead: false })
    await assert.rejects(ask(auth, 'opaque'), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'permission_denied')
      assert.match(error.message, /^'ann' may not `get` pulltraceconfigs/)
      return true
    })
  })

  it('takes a ticket for who asked for it, and only while that one may read', async () => {
    const { api, withTickets, tickets, auth, clock } = readers()
    api.know('opaque', { ...reader, mayRead: true })
    const issue = async () => tickets.issue(await ask(auth, 'opaque')).ticket
    const [used, late] = [await issue(), await issue()]
    await withTickets({ authorization: undefined, ticket: used })
    await assert.rejects(async () => withTickets({ authorization: undefined, ticket: used }), /unknown, used or older/)
    api.forget('opaque')
    clock.advance(goodForMs - 1)
    const last = tickets.issue(await ask(auth, 'opaque')).ticket
    await new Promise(setImmediate)
    await assert.rejects(async () => withTickets({ authorization: undefined, ticket: last }), /not valid/)
    clock.advance(ticketLifeMs)
    await assert.rejects(async () => withTickets({ authorization: undefined, ticket: late }), /unknown, used or older/)
  })
})

describe('GrantGuard', () => {
  const stream = () => {
    const response = { destroyed: false, once() {}, destroy: () => (response.destroyed = true) }
    return response as unknown as ServerResponse & { destroyed: boolean }
  }

  it('cuts the stream of a reader who was let in and may not read any more, and no other', async () => {
    const { api, review, clock } = setUp()
    const auth = kubeReaders(review, clock)
    const guard = new GrantGuard(clock, silentLogger)
    const user = (username: string) => ({ status: { authenticated: true, user: { username } }, mayRead: true })
    const [stays, goes, open] = [stream(), stream(), stream()]
    api.know('stays', user('ann'))
    api.know('goes', user('bob'))
    guard.add(stays, await ask(auth, 'stays'))
    guard.add(goes, await ask(auth, 'goes'))
    guard.add(open, openGrant)
    api.forget('goes')
    // As the server does: every 5 s. The answer is renewed before its minute is over.
    for (let seconds = 0; seconds < 60; seconds += 5) {
      clock.advance(5000)
      await guard.sweep()
      await new Promise(setImmediate)
    }
    assert.deepEqual([stays.destroyed, goes.destroyed, open.destroyed], [false, true, false])
  })

  it('lets streams go on for minutes, not for ever, while nobody can be asked', async () => {
    const { api, review, clock } = setUp()
    const guard = new GrantGuard(clock, silentLogger)
    api.know('t', { status: { authenticated: true, user: { username: 'ann' } }, mayRead: true })
    const response = stream()
    guard.add(response, await ask(kubeReaders(review, clock), 't'))
    clock.advance(goodForMs - 1)
    await guard.sweep()
    await new Promise(setImmediate)
    api.away = gone()
    clock.advance(unsureForMs - 1)
    await guard.sweep()
    assert.equal(response.destroyed, false)
    clock.advance(1)
    await guard.sweep()
    assert.equal(response.destroyed, true)
  })
})
