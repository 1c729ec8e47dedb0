import type { Context } from 'koa'
import type { NodeList, NodeView } from '../../../core/contract/api.ts'
import { badCursor, cursorOf, cursorParts, limit, parseQuery, plainText, queryOf } from './query.ts'

export const nodeParameters = { limit: limit(5000), cursor: plainText }

/** Who reports. `reports/` answers it. */
export interface ReportingNodes {
  nodeNames(): readonly string[]
  /** Costs sums over every layer of the node; undefined when the node is not known. */
  nodeView(name: string): NodeView | undefined
}

/** GET /api/v1/nodes: by name, in pages. A node that comes or goes between two pages moves no other. */
export function listNodes(nodes: ReportingNodes) {
  return (ctx: Context): void => {
    const { limit = 500, cursor } = parseQuery(queryOf(ctx), nodeParameters)
    const after = cursor === undefined ? '' : nameIn(cursor)
    const rest = nodes
      .nodeNames()
      .filter(name => name > after)
      .sort()
    const items = rest.slice(0, limit).map(name => nodes.nodeView(name)!)
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
