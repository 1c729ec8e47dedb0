import assert from 'node:assert/strict'
import { describeAuditStore } from './audit-conformance.ts'
import { describeBudgetsStore } from './budgets-conformance.ts'
import { describeTkProperties } from './conformance-tk-properties.ts'
import { describeKeysStore } from './keys-conformance.ts'
import { describePause } from './pause-conformance.ts'
import { ruleContent } from './rule-content.fake.ts'
import { describeRulesStore } from './rules-conformance.ts'
import { describeSessionsStore } from './sessions-conformance.ts'
import type { TkStore } from './tk-store.ts'
import { describeUsersStore } from './users-conformance.ts'

export interface TkParts {
  /** Our clock: says when something was written. Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/** Makes an empty database. Each call of the answer opens it once more, as another process does. */
export type MakeTk = (parts: TkParts) => Promise<() => TkStore>

/** One database of a test, and who has it open. */
export interface TkFixture {
  nowMs: number
  /** Opened by one process. */
  readonly store: TkStore
  /** By one more; the suite closes it. */
  readonly open: () => TkStore
}

/** Long ago, so that every engine's own clock agrees that what is 400 days older is old. */
export const startMs = Date.UTC(2020, 0, 1)

export const by = { name: 'user:alice', requestId: 'r-1', address: '192.0.2.7' }

/** What any TkStore must do, but for events: those have a suite of their own. */
export function describeTkStore(engine: string, make: MakeTk): void {
  describe(`TkStore on ${engine}`, () => {
    let opened: TkStore[]
    const fixture = { nowMs: startMs } as { -readonly [K in keyof TkFixture]: TkFixture[K] }
    beforeEach(async () => {
      opened = []
      fixture.nowMs = startMs
      const open = await make({ now: () => fixture.nowMs })
      fixture.open = () => {
        const store = open()
        opened.push(store)
        return store
      }
      fixture.store = fixture.open()
    })
    afterEach(async () => {
      for (const store of opened) await store.close()
    })

    describeRulesStore(fixture)
    describePause(fixture)
    describeKeysStore(fixture)
    describeAuditStore(fixture)
    describeUsersStore(fixture)
    describeSessionsStore(fixture)
    describeBudgetsStore(fixture)
    describeTkProperties(make)

    it('opens for many at the same instant, on a database that is not there yet', async () => {
      const stores = [fixture.store, ...Array.from({ length: 4 }, () => fixture.open())]
      const answers = await Promise.all(
        stores.map(({ rules }) => rules.change([{ kind: 'create', content: ruleContent() }], by)),
      )
      assert.equal(new Set(answers.map(([rule]) => rule?.rule_id)).size, stores.length)
      assert.equal((await fixture.store.rules.list()).length, stores.length)
    })

    it('is healthy, and after close says so and takes nothing', async () => {
      const { store } = fixture
      await Promise.all([store.rules.list(), store.rules.resume(by)])
      assert.deepEqual(store.health(), { healthy: true })
      const late = store.rules.change([{ kind: 'create', content: ruleContent() }], by)
      await store.close()
      assert.equal((await late).length, 1)
      assert.equal(store.health().healthy, false)
      await assert.rejects(store.rules.change([{ kind: 'create', content: ruleContent() }], by), {
        code: 'unavailable',
      })
      await assert.rejects(store.rules.snapshot(), { code: 'unavailable' })
      await assert.rejects(store.keys.list(), { code: 'unavailable' })
      await assert.rejects(store.audit.search(1), { code: 'unavailable' })
      await store.keys.touch('x', 1)
      assert.equal((await fixture.open().rules.list()).length, 1)
    })
  })
}
