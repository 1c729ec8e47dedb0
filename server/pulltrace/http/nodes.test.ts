import assert from 'node:assert/strict'
import type { Context } from 'koa'
import type { NodeList, NodeView } from '../../../core/contract/api.ts'
import { listNodes } from './nodes.ts'

describe('listNodes', () => {
  it('makes the views of the nodes of its page only', () => {
    const viewed: string[] = []
    const list = listNodes({
      nodeNames: () => ['d', 'b', 'a', 'c'],
      nodeView: nodeName => {
        viewed.push(nodeName)
        return { nodeName } as NodeView
      },
    })
    const page = (query: string) => {
      const ctx = { querystring: query, set: () => {} } as unknown as Context
      list(ctx)
      return ctx.body as NodeList
    }
    const first = page('limit=2')
    assert.deepEqual(viewed, ['a', 'b'])
    const last = page(`limit=2&cursor=${first.nextCursor}`)
    assert.deepEqual(viewed, ['a', 'b', 'c', 'd'])
    assert.equal(last.nextCursor, null)
  })
})
