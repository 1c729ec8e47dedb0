import type { HistoryGroup } from '../../../core/contract/api.ts'
import type { HistoryFilter } from '../store.ts'
import type { GroupPlace, PullPlace } from './history-database.ts'

export interface Query {
  readonly sql: string
  readonly params: readonly (string | number)[]
}

/** Up to this many pulls of matching images are sorted; above it, walking back in time finds a page sooner. */
export const rareImagePulls = 2000

type Driver = 'pod' | 'image' | 'node' | 'errorCode' | 'namespace' | 'phase' | 'end'

/**
 * One page, newest end first. We choose the index ourselves: without statistics the
 * planner cannot know that a node is rarer than a phase, and gathering them costs
 * writes. A unary plus keeps a condition away from the indexes. `imagePulls` is how
 * many pulls have an image that matches `filter.image`.
 */
export function searchQuery(
  filter: HistoryFilter,
  limit: number,
  after: PullPlace | undefined,
  imagePulls: number,
): Query {
  const driver = driverOf(filter, imagePulls)
  const byPod = driver === 'pod' || driver === 'namespace'
  const [ended, seq] = byPod ? ['d.ended_ms', 'd.pull'] : ['p.ended_ms', 'p.seq']
  const where = new Conditions()
  if (driver === 'pod') where.add('d.name = ?', filter.pod!)
  if (byPod && filter.namespace !== undefined)
    where.add(`${driver === 'pod' ? '+' : ''}d.namespace = ?`, filter.namespace)
  if (filter.sinceMs !== undefined) where.add(`${ended} >= ?`, filter.sinceMs)
  if (filter.untilMs !== undefined) where.add(`${ended} < ?`, filter.untilMs)
  if (after !== undefined) where.add(`(${ended}, ${seq}) < (?, ?)`, ...after)
  where.addPull(filter, driver)
  if (!byPod) where.addPods(filter)
  const from = byPod ? 'pods d CROSS JOIN pulls p ON p.seq = d.pull' : 'pulls p'
  return {
    sql: `SELECT ${ended} AS endedMs, ${seq} AS seq, b.body FROM ${from} CROSS JOIN pull_bodies b ON b.pull = p.seq
      ${where.sql} ${byPod ? `GROUP BY ${ended}, ${seq}` : ''} ORDER BY ${ended} DESC, ${seq} DESC LIMIT ?`,
    params: [...where.params, limit],
  }
}

/** The pulls and bytes of each group, most pulls first, and the quantiles (nearest rank) of its completed ones. */
export function summaryQuery(
  group: HistoryGroup,
  filter: HistoryFilter,
  limit: number,
  after: GroupPlace | undefined,
): Query {
  const where = whereOf(filter)
  const key = { image: 'p.image', node: 'p.node', registry: 'p.registry' }[group]
  const name = group === 'image' ? '(SELECT ref FROM images WHERE id = grp)' : 'grp'
  const having = after === undefined ? '' : 'HAVING count < ? OR (count = ? AND key > ?)'
  return {
    sql: sumsOf(key, name, where.sql, having, 'count DESC, key'),
    params: [...where.params, ...(after ? [after[0], after[0], after[1]] : []), limit],
  }
}

/** As `summaryQuery`, for spans of time of one length, oldest first; `key` is the start of each. Epoch ms. */
export function timeQuery(spanMs: number, filter: HistoryFilter, limit: number): Query {
  const where = whereOf(filter)
  return {
    sql: sumsOf('p.ended_ms - p.ended_ms % ?', 'grp', where.sql, '', 'key'),
    params: [spanMs, ...where.params, limit],
  }
}

function whereOf(filter: HistoryFilter): Conditions {
  const where = new Conditions()
  if (filter.sinceMs !== undefined) where.add('p.ended_ms >= ?', filter.sinceMs)
  if (filter.untilMs !== undefined) where.add('p.ended_ms < ?', filter.untilMs)
  where.addPull(filter, undefined)
  where.addPods(filter)
  return where
}

// total() is a float and never overflows; sum() of what agents claim could, and would then fail for ever.
// Above 2^53 its readers would refuse the whole answer.
const sumsOf = (
  key: string,
  name: string,
  where: string,
  having: string,
  order: string,
) => `WITH chosen AS MATERIALIZED (
        SELECT ${key} AS grp, p.phase, p.duration_ms, p.downloaded_bytes, p.cached_bytes FROM pulls p ${where}
      ), page AS MATERIALIZED (
        SELECT grp, ${name} AS key, count(*) AS count, total(phase = 'failed') AS failed,
          min(total(downloaded_bytes), ${Number.MAX_SAFE_INTEGER}) AS bytes,
          min(total(cached_bytes), ${Number.MAX_SAFE_INTEGER}) AS cachedBytes
        FROM chosen GROUP BY grp ${having} ORDER BY ${order} LIMIT ?
      ), ranked AS (
        SELECT grp, duration_ms, row_number() OVER (PARTITION BY grp ORDER BY duration_ms) AS rank,
          count(*) OVER (PARTITION BY grp) AS n
        FROM chosen WHERE phase = 'completed' AND grp IN (SELECT grp FROM page)
      ), quantiles AS (
        SELECT grp, max(CASE WHEN rank = (n * 50 + 99) / 100 THEN duration_ms END) AS p50Ms,
          max(CASE WHEN rank = (n * 95 + 99) / 100 THEN duration_ms END) AS p95Ms
        FROM ranked GROUP BY grp
      )
      SELECT key, count, failed, bytes, cachedBytes, p50Ms, p95Ms FROM page LEFT JOIN quantiles USING (grp)
      ORDER BY ${order}`

/** The rarest kind of condition first. */
function driverOf(filter: HistoryFilter, imagePulls: number): Driver {
  if (filter.pod !== undefined) return 'pod'
  if (filter.image !== undefined && imagePulls <= rareImagePulls) return 'image'
  if (filter.node !== undefined) return 'node'
  if (filter.errorCode !== undefined) return 'errorCode'
  if (filter.namespace !== undefined) return 'namespace'
  if (filter.phases?.length === 1) return 'phase'
  return 'end'
}

class Conditions {
  readonly #conditions: string[] = []
  readonly params: (string | number)[] = []

  get sql(): string {
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`
  }

  add(condition: string, ...params: readonly (string | number)[]): void {
    this.#conditions.push(condition)
    this.params.push(...params)
  }

  /** `driver` is the one condition that may use an index; undefined leaves the choice to SQLite. */
  addPull(filter: HistoryFilter, driver: Driver | undefined): void {
    const column = (name: string, of: Driver) => (driver === undefined || driver === of ? `p.${name}` : `+p.${name}`)
    if (filter.node !== undefined) this.add(`${column('node', 'node')} = ?`, filter.node)
    if (filter.errorCode !== undefined) this.add(`${column('error_code', 'errorCode')} = ?`, filter.errorCode)
    if (filter.phases?.length === 1) this.add(`${column('phase', 'phase')} = ?`, filter.phases[0]!)
    else if (filter.phases !== undefined) {
      this.add('+p.phase IN (SELECT value FROM json_each(?))', JSON.stringify(filter.phases))
    }
    if (filter.image !== undefined) {
      this.add(`${column('image', 'image')} IN (SELECT id FROM images WHERE instr(ref, ?) > 0)`, filter.image)
    }
  }

  /** Namespace and name are asked of one and the same pod. */
  addPods({ namespace, pod }: HistoryFilter): void {
    if (namespace === undefined && pod === undefined) return
    const conditions = ['d.pull = p.seq']
    const params: string[] = []
    if (namespace !== undefined) {
      conditions.push('d.namespace = ?')
      params.push(namespace)
    }
    if (pod !== undefined) {
      conditions.push('d.name = ?')
      params.push(pod)
    }
    this.add(`EXISTS (SELECT 1 FROM pods d WHERE ${conditions.join(' AND ')})`, ...params)
  }
}
