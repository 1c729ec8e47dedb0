import type { Context } from 'koa'
import type { NodeList, NodeView } from '../../../core/contract/api.ts'
import { badCursor, cursorOf, cursorParts, limit, parseQuery, plainText, queryOf } from './query.ts'

export const nodeParameters = { limit: limit(5000), cursor: plainText }

/** GET /api/v1/nodes: by name, in pages. A node that comes or goes between two pages moves no other. */
export function listNodes(nodes: () => readonly NodeView[]) {
  return (ctx: Context): void => {
    const { limit = 500, cursor } = parseQuery(queryOf(ctx), nodeParameters)
    const after = cursor === undefined ? '' : nameIn(cursor)
    const rest = nodes()
      .filter(node => node.nodeName > after)
      .sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1))
    const items = rest.slice(0, limit)
    const nextCursor = rest.length > limit ? cursorOf('node', items.at(-1)!.nodeName) : null
    ctx.set('Cache-Control', 'private, no-cache')
    ctx.body = { items, nextCursor } satisfies NodeList
  }
}

function nameIn(cursor: string): string {
  const [kind, name] = cursorParts(cursor)
  if (kind !== 'node' || typeof name !== 'string') throw badCursor(cursor)
  return name
}
