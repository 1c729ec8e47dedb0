import assert from 'node:assert/strict'
import type { AuditEntry } from './audit-store.ts'
import { ruleContent } from './rule-content.fake.ts'
import { eventBatch, sensorEvent } from './sensor-event.fake.ts'
import { by, startMs, type TkFixture } from './tk-conformance.ts'

const dayMs = 86_400_000

/** The log of who changed what, for `describeTkStore`. */
export function describeAuditStore(fixture: TkFixture): void {
  describe('audit', () => {
    it('tells of each change what was before and after, by whom and from where', async () => {
      const { rules, audit } = fixture.store
      const [made] = await rules.change([{ kind: 'create', content: ruleContent() }], by)
      const target = made!.rule_id
      fixture.nowMs += 1000
      const content = ruleContent({ state: 'disabled' })
      const [changed] = await rules.change([{ kind: 'update', ruleId: target, basedOn: 1, content }], {
        name: 'system',
      })
      await rules.change([{ kind: 'delete', ruleId: target, basedOn: 2 }], by)
      await rules.pause('why', by)
      await rules.resume(by)
      const { items, nextCursor } = await audit.search(10)
      assert.equal(nextCursor, undefined)
      const from = { actor: 'user:alice', requestId: 'r-1', address: '192.0.2.7' }
      const late = { atMs: startMs + 1000 }
      const paused = { paused: true, by: 'user:alice', why: 'why', sinceMs: startMs + 1000 }
      const expected: Omit<AuditEntry, 'id'>[] = [
        { ...late, ...from, action: 'rules.resume', target: '', before: paused, after: { paused: false } },
        { ...late, ...from, action: 'rules.pause', target: '', before: { paused: false }, after: paused },
        { ...late, ...from, action: 'rule.delete', target, before: changed },
        { ...late, actor: 'system', action: 'rule.update', target, before: made, after: changed },
        { atMs: startMs, ...from, action: 'rule.create', target, after: made },
      ]
      assert.deepEqual(
        items.map(({ id: _, ...entry }) => entry),
        expected,
      )
      const ids = items.map(({ id }) => id)
      assert.deepEqual(
        ids,
        ids.toSorted((a, b) => b - a),
      )
    })

    it('finds entries by who, what and of which, page by page', async () => {
      const { rules, audit } = fixture.store
      for (const why of ['a', 'b', 'c']) await rules.pause(why, by)
      await rules.resume({ name: 'system' })
      const first = await audit.search(2, undefined, { actor: by.name, action: 'rules.pause', target: '' })
      const second = await audit.search(2, first.nextCursor, { actor: by.name, action: 'rules.pause', target: '' })
      const reasons = [...first.items, ...second.items].map(({ after }) => (after as { why: string }).why)
      assert.deepEqual(reasons, ['c', 'b', 'a'])
      assert.equal(second.nextCursor, undefined)
      assert.equal((await audit.search(9, undefined, { actor: 'system' })).items.length, 1)
      assert.deepEqual((await audit.search(9, undefined, { target: 'none' })).items, [])
    })

    it('gives every entry once over the pages, also while others are written', async () => {
      const { rules, audit } = fixture.store
      const create = (name: string) => rules.change([{ kind: 'create', content: ruleContent({ name }) }], by)
      for (const name of ['a', 'b', 'c']) await create(name)
      const seen: unknown[] = []
      let cursor: string | undefined
      do {
        const page = await audit.search(1, cursor)
        seen.push(...page.items.map(({ after }) => (after as { name: string }).name))
        cursor = page.nextCursor
        await create('new')
      } while (cursor !== undefined)
      assert.deepEqual(seen, ['c', 'b', 'a'])
    })

    it('gives shorter pages of large entries', async () => {
      const { rules, audit } = fixture.store
      const content = ruleContent({ description: 'x'.repeat(60_000) })
      await rules.change(
        Array.from({ length: 200 }, () => ({ kind: 'create', content })),
        by,
      )
      let seen = 0
      let cursor: string | undefined
      do {
        const page = await audit.search(1000, cursor)
        assert.ok(page.items.length > 0 && page.items.length < 200)
        seen += page.items.length
        cursor = page.nextCursor
      } while (cursor !== undefined)
      assert.equal(seen, 200)
    })

    it('refuses a cursor it did not make', async () => {
      for (const cursor of ['', 'x', Buffer.from('["audit","1"]').toString('base64url')]) {
        await assert.rejects(fixture.store.audit.search(1, cursor), { code: 'invalid' })
      }
    })

    it('tells of each run of the retention that removed something', async () => {
      const { events, audit } = fixture.store
      await events.prune(startMs, 0)
      await events.append(eventBatch([1, 2, 3].map(n => sensorEvent(n, { receivedAtMs: startMs - n }))))
      await events.prune(startMs - 1, 0)
      const { items } = await audit.search(10)
      assert.deepEqual(
        items.map(({ id: _, ...entry }) => entry),
        [{ atMs: startMs, actor: 'system', action: 'retention.run', target: '', after: { byAge: 2, bySize: 0 } }],
      )
    })

    it('keeps entries for 400 days, and not for ever', async () => {
      const { rules, audit } = fixture.store
      const atMs = async () => (await audit.search(10)).items.map(entry => (entry.atMs - startMs) / dayMs)
      await rules.pause('old', by)
      fixture.nowMs = startMs + 2 * dayMs
      await rules.resume(by)
      fixture.nowMs = startMs + 400 * dayMs
      await rules.pause('new', by)
      assert.deepEqual(await atMs(), [400, 2, 0])
      fixture.nowMs = startMs + 402 * dayMs
      await rules.resume(by)
      assert.deepEqual(await atMs(), [402, 400, 2])
    })
  })
}
