import assert from 'node:assert/strict'
import type { PullList } from '../../../core/contract/api.ts'
import { goodLayer, goodPull, goodReport, post, startServer } from '../start-server.fake.ts'

describe('GET /api/v1/pulls?layers=true', () => {
  it('gives shorter pages of pulls with very many layers, each pull once', async () => {
    await using server = await startServer()
    const layers = Array.from({ length: 4000 }, (_, i) => ({ ...goodLayer('1'), digest: `d${i}` }))
    const ids = [...'abcdefg'].map(letter => letter.repeat(26))
    for (const [index, id] of ids.entries()) {
      const body = goodReport(1, { nodeName: `node-${index}`, pulls: [goodPull({ id, layers })] })
      assert.equal((await post(`${server.url}/api/v1/report`, body)).status, 200)
    }
    const page = async (query: string) => (await (await fetch(`${server.url}/api/v1/pulls${query}`)).json()) as PullList
    const first = await page('?layers=true')
    const second = await page(`?layers=true&cursor=${first.nextCursor}`)
    const found = [...first.pulls, ...second.pulls].map(({ id }) => id)
    assert.deepEqual([first.pulls.length, second.nextCursor, found], [5, null, ids])
    assert.equal((await page('')).pulls.length, 7)
  })
})
