import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { PulltraceError } from '../../../core/lib/errors.ts'
import { backPath, checkCsrf, checkSameOrigin, csrfField, csrfTokenOf, readForm } from './forms.ts'

describe('forms', () => {
  const app = new Koa()
  app.use(async ctx => {
    try {
      checkSameOrigin(ctx, 'https://pulls.example.com')
      ctx.body = [...(await readForm(ctx, 100))]
    } catch (error) {
      ctx.status = 400
      ctx.body = PulltraceError.from(error).code
    }
  })
  const server = createServer(app.callback())
  let origin: string

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => server.close())

  const form = 'application/x-www-form-urlencoded'
  async function send(headers: Record<string, string>, body = 'a=1&b=%C3%A9') {
    const answer = await fetch(origin, { method: 'POST', headers: { 'content-type': form, ...headers }, body })
    return await answer.text()
  }

  it('takes what a page of this server sent, by this address or the public one', async () => {
    assert.equal(await send({ origin }), '[["a","1"],["b","é"]]')
    assert.equal(await send({ referer: `${origin}/x` }), '[["a","1"],["b","é"]]')
    assert.equal(await send({ origin: 'https://pulls.example.com' }), '[["a","1"],["b","é"]]')
  })

  it('refuses what another site sent, or nobody says where from', async () => {
    for (const headers of [
      { origin: 'https://evil.example.com' },
      { origin: 'null' },
      { origin: `${origin}.evil.example.com` },
      { origin, 'sec-fetch-site': 'cross-site' },
      { origin, 'sec-fetch-site': 'same-site' },
      { referer: `https://evil.example.com/?${origin}` },
      {},
    ]) {
      assert.equal(await send(headers as Record<string, string>), 'permission_denied', JSON.stringify(headers))
    }
  })

  it('refuses what is too long, not UTF-8 or no form', async () => {
    assert.equal(await send({ origin }, 'a'.repeat(101)), 'too_large')
    assert.equal(await send({ origin, 'content-type': 'text/plain' }), 'unsupported_media_type')
    assert.equal(await send({ origin, 'content-type': '' }), 'unsupported_media_type')
  })

  it('binds a form to its session', () => {
    const token = csrfTokenOf('session-1')
    checkCsrf(new URLSearchParams({ [csrfField]: token }), 'session-1')
    for (const [sent, session] of [
      [token, 'session-2'],
      ['', 'session-1'],
      [`${token}x`, 'session-1'],
    ]) {
      assert.throws(() => checkCsrf(new URLSearchParams({ [csrfField]: sent! }), session!), /of another session/)
    }
    assert.throws(() => checkCsrf(new URLSearchParams(), 'session-1'), /of another session/)
  })

  it('goes back to a path of this host only', () => {
    assert.equal(backPath('/history?image=a%20b'), '/history?image=a%20b')
    for (const text of [
      null,
      '',
      'https://evil.example.com',
      '//evil.example.com',
      '/\\evil',
      '/a\r\nb: c',
      '/é',
      'x',
    ]) {
      assert.equal(backPath(text), '/')
    }
  })
})
