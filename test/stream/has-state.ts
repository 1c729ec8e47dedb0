import { isDeepStrictEqual } from 'node:util'
import type { PullList } from '../../core/contract/api.ts'
import type { StreamView } from '../../server/pulltrace/events/stream-view.fake.ts'
import { getJson } from '../rig/get-json.ts'

/**
 * Throws unless the view holds what GET /api/v1/pulls answers now. Names the pulls only: the difference of two whole
 * states takes seconds to draw, and this is asked again and again.
 */
export async function hasStateOf(serverUrl: string, view: StreamView, query = ''): Promise<void> {
  const { pulls } = await getJson<PullList>(`${serverUrl}/api/v1/pulls${query}`)
  const listed = new Set(pulls.map(({ id }) => id))
  const faults = [
    ...pulls.filter(({ id }) => !view.pulls.has(id)).map(({ id }) => `lacks ${id}`),
    ...pulls
      .filter(p => view.pulls.has(p.id) && !isDeepStrictEqual(view.pulls.get(p.id), p))
      .map(p => `has an old ${p.id}`),
    ...[...view.pulls.keys()].filter(id => !listed.has(id)).map(id => `still has ${id}`),
  ]
  if (faults.length > 0) throw new Error(`the view of '${query}' ${faults.join(', ')}`)
}
