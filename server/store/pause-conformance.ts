import assert from 'node:assert/strict'
import { ruleContent } from './rule-content.fake.ts'
import { by, startMs, type TkFixture } from './tk-conformance.ts'

/** The emergency pause, and what sensors are served from, for `describeTkStore`. */
export function describePause(fixture: TkFixture): void {
  const create = (state: 'draft' | 'active') =>
    fixture.store.rules.change([{ kind: 'create', content: ruleContent({ state }) }], by)

  describe('snapshot', () => {
    it('holds the active rules, by id, and counts the disabled ones', async () => {
      const empty = await fixture.store.rules.snapshot()
      assert.deepEqual([empty?.pause, empty?.rules], [{ paused: false }, []])
      const [first] = await create('active')
      await create('draft')
      const [second] = await create('active')
      assert.deepEqual((await fixture.store.rules.snapshot())?.rules, [first, second])
      const content = ruleContent({ state: 'disabled' })
      await fixture.store.rules.change([{ kind: 'update', ruleId: second!.rule_id, basedOn: 1, content }], by)
      const { rules, disabledRules } = (await fixture.store.rules.snapshot())!
      assert.deepEqual([rules, disabledRules], [[first], 1])
      await fixture.store.rules.change([{ kind: 'delete', ruleId: second!.rule_id, basedOn: 2 }], by)
      assert.equal((await fixture.store.rules.snapshot())?.disabledRules, 0)
    })

    it('is undefined for who has its revision, and rises with every change', async () => {
      const { rules } = fixture.store
      let revision = (await rules.snapshot())!.revision
      const [rule] = await create('draft')
      for (const { name, change } of [
        { name: 'a rule made', change: () => create('active') },
        { name: 'a pause', change: () => rules.pause('why', by) },
        { name: 'its end', change: () => rules.resume(by) },
        {
          name: 'a rule deleted',
          change: () => rules.change([{ kind: 'delete', ruleId: rule!.rule_id, basedOn: 1 }], by),
        },
      ]) {
        await change()
        const snapshot = await rules.snapshot(revision)
        assert.ok(snapshot && snapshot.revision > revision, name)
        revision = snapshot.revision
        assert.equal(await rules.snapshot(revision), undefined, name)
      }
    })

    it('sees at once what another process has changed', async () => {
      const other = fixture.open()
      const { revision } = (await other.rules.snapshot())!
      const [rule] = await create('active')
      assert.deepEqual((await other.rules.snapshot(revision))?.rules, [rule])
      await other.rules.pause('why', by)
      assert.equal((await fixture.store.rules.snapshot())?.pause.paused, true)
    })
  })

  describe('pause', () => {
    it('says who, why and since when, and outlives the process', async () => {
      const paused = await fixture.store.rules.pause('a rule stops every job', by)
      assert.deepEqual(paused, { paused: true, by: 'user:alice', why: 'a rule stops every job', sinceMs: startMs })
      await fixture.store.close()
      assert.deepEqual((await fixture.open().rules.snapshot())?.pause, paused)
    })

    it('asked for again keeps since when, and says the newest who and why', async () => {
      await fixture.store.rules.pause('first', by)
      fixture.nowMs += 1000
      const again = await fixture.store.rules.pause('second', { name: 'user:bob' })
      assert.deepEqual(again, { paused: true, by: 'user:bob', why: 'second', sinceMs: startMs })
    })

    it('ends with resume, with the rules as they were', async () => {
      const [rule] = await create('active')
      await fixture.store.rules.pause('why', by)
      assert.deepEqual(await fixture.store.rules.resume(by), { paused: false })
      const snapshot = await fixture.store.rules.snapshot()
      assert.deepEqual([snapshot?.pause, snapshot?.rules], [{ paused: false }, [rule]])
    })

    it('changes nothing when it is already so', async () => {
      const { rules, audit } = fixture.store
      assert.deepEqual(await rules.resume(by), { paused: false })
      await rules.pause('why', by)
      const { revision } = (await rules.snapshot())!
      await rules.pause('why', by)
      assert.equal(await rules.snapshot(revision), undefined)
      assert.deepEqual(
        (await audit.search(10)).items.map(({ action }) => action),
        ['rules.pause'],
      )
    })
  })
}
