import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { historyMigrations } from '../migrations/history.ts'
import type { HistoryFilter } from '../store.ts'
import { migrate } from './migrate.ts'
import { rareImagePulls, searchQuery } from './search-query.ts'
import { historyWords } from './store-words.ts'

describe('searchQuery', () => {
  const db = new DatabaseSync(':memory:')
  before(() => void migrate(db, 'pulls.db', historyMigrations, 0, historyWords))
  after(() => db.close())

  const planOf = (filter: HistoryFilter, imagePulls = 0, after?: readonly [number, number]) => {
    const { sql, params } = searchQuery(filter, 50, after, imagePulls)
    const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...params) as unknown as { detail: string }[]
    return rows.map(({ detail }) => detail).join('\n')
  }

  const sorted = /USE TEMP B-TREE/
  const place = [1, 1] as const
  for (const { name, filter, imagePulls, index, sorts } of [
    { name: 'everything', filter: {}, index: 'INDEX pulls_by_end' },
    { name: 'a node', filter: { node: 'n' }, index: 'pulls_by_node (node=?' },
    { name: 'a phase', filter: { phases: ['failed'] }, index: 'pulls_by_phase (phase=?' },
    { name: 'two phases', filter: { phases: ['failed', 'unknown'] }, index: 'INDEX pulls_by_end' },
    { name: 'an error', filter: { errorCode: 'NoSpace' }, index: 'pulls_by_error_code (error_code=?' },
    { name: 'a pod', filter: { pod: 'web', namespace: 'shop' }, index: 'pods_by_name (name=?' },
    { name: 'a namespace', filter: { namespace: 'shop' }, index: 'pods_by_namespace (namespace=?' },
    { name: 'a node and a namespace', filter: { node: 'n', namespace: 's' }, index: 'pulls_by_node (node=?' },
    { name: 'a node and a phase', filter: { node: 'n', phases: ['failed'] }, index: 'pulls_by_node (node=?' },
    {
      name: 'a time',
      filter: { sinceMs: 1, untilMs: 2 },
      index: 'INDEX pulls_by_end (ended_ms>? AND ended_ms<?',
    },
    { name: 'a rare image', filter: { image: 'x' }, imagePulls: 10, index: 'pulls_by_image (image=?', sorts: true },
    {
      name: 'a common image',
      filter: { image: 'x' },
      imagePulls: rareImagePulls + 1,
      index: 'INDEX pulls_by_end',
    },
  ] as { name: string; filter: HistoryFilter; imagePulls?: number; index: string; sorts?: boolean }[]) {
    for (const after of [undefined, place]) {
      it(`walks ${index} for ${name}${after ? ' from a cursor on' : ''}${sorts ? '' : ' and sorts nothing'}`, () => {
        const plan = planOf(filter, imagePulls, after)
        assert.ok(plan.includes(index), plan)
        assert.doesNotMatch(plan, /SCAN pods|SCAN d(?! USING)|SCAN pull_bodies/)
        if (!sorts) assert.doesNotMatch(plan, sorted)
        if (after && !sorts) assert.match(plan, /ended_ms[<,]|\(ended_ms/, 'the cursor bounds the walk')
      })
    }
  }
})
