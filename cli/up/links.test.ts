import assert from 'node:assert/strict'
import { pagesAddressOf, serverLinkOf } from './links.ts'

describe('pagesAddressOf', () => {
  for (const { name, env, httpAddr, link } of [
    {
      name: 'an address as it is',
      env: { TK_HTTP_ADDR: '127.0.0.1:8090' },
      httpAddr: '127.0.0.1:8090',
      link: 'http://127.0.0.1:8090',
    },
    {
      name: 'https where there is a certificate',
      env: { TK_HTTP_ADDR: '[::1]:1', TK_TLS_CERT_FILE: '/c' },
      httpAddr: '[::1]:1',
      link: 'https://[::1]:1',
    },
    {
      name: 'no name for who listens on every address',
      env: { TK_HTTP_ADDR: ':8090' },
      httpAddr: ':8090',
      link: undefined,
    },
    { name: 'no name for 0.0.0.0', env: { TK_HTTP_ADDR: '0.0.0.0:8090' }, httpAddr: '0.0.0.0:8090', link: undefined },
  ]) {
    it(`knows ${name}`, async () => assert.deepEqual(await pagesAddressOf(env), { httpAddr, link }))
  }

  it('finds a port where any will do', async () => {
    const { httpAddr, link } = await pagesAddressOf({ TK_HTTP_ADDR: '127.0.0.1:0' })
    assert.match(httpAddr, /^127\.0\.0\.1:[1-9]\d+$/)
    assert.equal(link, `http://${httpAddr}`)
  })
})

describe('serverLinkOf', () => {
  it('is where the server listens, but for every address', () => {
    assert.equal(serverLinkOf({ PULLTRACE_HTTP_ADDR: '127.0.0.1:0' }, 'http://127.0.0.1:7'), 'http://127.0.0.1:7')
    assert.equal(serverLinkOf({ PULLTRACE_HTTP_ADDR: ':8080' }, 'http://localhost:8080'), undefined)
  })
})
