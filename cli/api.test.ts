import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { PullList } from '../core/contract/api.ts'
import { validatorOf } from '../core/contract/schema.ts'
import { createApi, getJson } from './api.ts'
import { openEventServer } from './watch/event-server.fake.ts'

describe('getJson', () => {
  const lists = validatorOf('pulls', PullList)

  for (const [what, answer, message] of [
    ['says nothing', () => {}, /^no pulltrace server at http:.*: it does not answer within 0\.05 s$/],
    [
      'stops in the middle of its answer',
      (response: ServerResponse) => void response.writeHead(200).write('{"pulls":['),
      /^http:.* did not end its answer within 0\.05 s$/,
    ],
    [
      'stops in the middle of saying what is wrong',
      (response: ServerResponse) => void response.writeHead(503).write('{"error":'),
      /^http:.* answers 503: it cannot serve now$/,
    ],
  ] as const) {
    it(`does not wait for ever for a server that ${what}`, async () => {
      const server = await openEventServer((_, response) => answer(response))
      try {
        const api = createApi(server.url, async () => undefined, 50)
        const asked = getJson(api, '/api/v1/pulls', lists, new AbortController().signal, 50)
        await assert.rejects(asked, { code: 'unavailable', message })
      } finally {
        await server.close()
      }
    })
  }

  it('ends with the reason of who gave up', async () => {
    const server = await openEventServer(() => gaveUp.abort(new Error('enough')))
    const gaveUp = new AbortController()
    try {
      const api = createApi(server.url, async () => undefined)
      await assert.rejects(getJson(api, '/api/v1/pulls', lists, gaveUp.signal), { message: 'enough' })
    } finally {
      await server.close()
    }
  })
})
