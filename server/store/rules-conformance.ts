import assert from 'node:assert/strict'
import type { PulltraceError } from '../../core/lib/errors.ts'
import type { Rule, RuleContent } from '../../core/rules/rule.ts'
import { ruleContent } from './rule-content.fake.ts'
import type { RulesStore } from './rules-store.ts'
import { by, startMs, type TkFixture } from './tk-conformance.ts'

/** Rules and their versions, for `describeTkStore`. */
export function describeRulesStore(fixture: TkFixture): void {
  const rules = (): RulesStore => fixture.store.rules
  const create = async (changes: Partial<RuleContent> = {}): Promise<Rule> =>
    (await rules().change([{ kind: 'create', content: ruleContent(changes) }], by))[0]!
  const update = (rule: Rule, changes: Partial<RuleContent>, store = rules()) =>
    store.change([{ kind: 'update', ruleId: rule.rule_id, basedOn: rule.version, content: ruleContent(changes) }], by)
  const remove = ({ rule_id: ruleId, version: basedOn }: Rule) =>
    rules().change([{ kind: 'delete', ruleId, basedOn }], by)

  describe('rules', () => {
    it('are stored whole, with an id that says when, and version 1', async () => {
      const rule = await create({ description: 'two\nlines' })
      assert.match(rule.rule_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      const { rule_id, version, created_at, ...content } = rule
      assert.equal(Number.parseInt(rule_id.replace('-', '').slice(0, 12), 16), startMs)
      assert.deepEqual({ version, created_at }, { version: 1, created_at: '2020-01-01T00:00:00.000Z' })
      assert.deepEqual(content, ruleContent({ description: 'two\nlines' }))
      assert.deepEqual(await rules().get(rule_id), rule)
      assert.deepEqual(await rules().list(), [rule])
    })

    it('keep what people type: quotes, controls, other scripts, half of a pair', async () => {
      const name = `'"%_\u0000\u{1f40b}\ud800 é é ; DROP TABLE rules`
      const rule = await create({ name, description: 'x'.repeat(60_000) })
      assert.equal((await rules().get(rule.rule_id))?.name, name)
      assert.equal((await rules().versions(rule.rule_id))[0]?.rule.description.length, 60_000)
    })

    it('are answered in the order asked, and listed by id', async () => {
      const names = ['c', 'a', 'b']
      const contents = names.map(name => ruleContent({ name }))
      const made = await rules().change(
        contents.map(content => ({ kind: 'create', content })),
        by,
      )
      assert.deepEqual(
        made.map(rule => rule?.name),
        names,
      )
      assert.deepEqual(await rules().list(), made)
      const ids = made.map(rule => rule!.rule_id)
      assert.deepEqual(ids, ids.toSorted())
      assert.deepEqual(await rules().change([], by), [])
    })

    it('get one more version with each change, and keep all of them', async () => {
      const first = await create({ state: 'draft' })
      fixture.nowMs += 1000
      const [second] = await update(first, { state: 'active', dry_run: true })
      const bob = { name: 'user:bob' }
      fixture.nowMs += 1000
      const content = ruleContent({ state: 'disabled' })
      const [third] = await rules().change([{ kind: 'update', ruleId: first.rule_id, basedOn: 2, content }], bob)
      assert.deepEqual(
        [second, third].map(rule => [rule?.version, rule?.state, rule?.dry_run, rule?.created_at]),
        [
          [2, 'active', true, first.created_at],
          [3, 'disabled', false, first.created_at],
        ],
      )
      assert.deepEqual(await rules().versions(first.rule_id), [
        { rule: third, author: 'user:bob', writtenAtMs: startMs + 2000 },
        { rule: second, author: 'user:alice', writtenAtMs: startMs + 1000 },
        { rule: first, author: 'user:alice', writtenAtMs: startMs },
      ])
      assert.deepEqual(await rules().list(), [third])
    })

    it('stay as they are when a change changes nothing', async () => {
      const rule = await create()
      const before = await rules().snapshot()
      assert.deepEqual(await update(rule, {}), [rule])
      assert.equal((await rules().versions(rule.rule_id)).length, 1)
      assert.equal(await rules().snapshot(before!.revision), undefined)
      assert.equal((await fixture.store.audit.search(10)).items.length, 1)
    })

    it('refuse a change of what the editor has not seen, with the stored version', async () => {
      const rule = await create()
      await update(rule, { name: 'second' })
      await assert.rejects(update(rule, { name: 'third' }), ({ code, details, message }: PulltraceError) => {
        assert.deepEqual([code, details.seen, details.path], ['conflict', '2', 'changes[0]'])
        assert.match(message, /has version 2, and this change is based on version 1/)
        assert.match(details.fix!, /load the rule again/)
        return true
      })
      await assert.rejects(remove({ ...rule, version: 3 }), { code: 'conflict' })
      assert.equal((await rules().get(rule.rule_id))?.name, 'second')
    })

    it('let one of two win who change the same rule at the same instant', async () => {
      const rule = await create()
      const stores = [rules(), fixture.open().rules, fixture.open().rules]
      const answers = await Promise.allSettled(stores.map((store, i) => update(rule, { name: `by ${i}` }, store)))
      const won = answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value[0]!] : []))
      const lost = answers.flatMap(answer => (answer.status === 'rejected' ? [answer.reason.code] : []))
      assert.deepEqual(lost, ['conflict', 'conflict'])
      assert.deepEqual(await rules().list(), won)
    })

    it('change all of them or none', async () => {
      const rule = await create()
      const before = [await rules().list(), await rules().snapshot(), await fixture.store.audit.search(10)]
      const unseen = { kind: 'delete', ruleId: rule.rule_id, basedOn: 7 } as const
      const changes = [{ kind: 'create', content: ruleContent() } as const, unseen]
      await assert.rejects(rules().change(changes, by), ({ code, details }: PulltraceError) => {
        assert.deepEqual([code, details.path], ['conflict', 'changes[1]'])
        return true
      })
      assert.deepEqual([await rules().list(), await rules().snapshot(), await fixture.store.audit.search(10)], before)
    })

    it('see in one call what its earlier changes did', async () => {
      const rule = await create()
      const ruleId = rule.rule_id
      const off = ruleContent({ state: 'disabled' })
      const [changed, gone] = await rules().change(
        [
          { kind: 'update', ruleId, basedOn: 1, content: off },
          { kind: 'delete', ruleId, basedOn: 2 },
        ],
        by,
      )
      assert.deepEqual([changed?.version, gone], [2, undefined])
      assert.deepEqual(await rules().list(), [])
    })

    it('are hidden by deletion, and their versions stay', async () => {
      const rule = await create({ state: 'draft' })
      assert.deepEqual(await remove(rule), [undefined])
      assert.equal(await rules().get(rule.rule_id), undefined)
      assert.deepEqual(await rules().list(), [])
      assert.deepEqual(
        (await rules().versions(rule.rule_id)).map(version => version.rule),
        [rule],
      )
      await assert.rejects(remove(rule), { code: 'not_found' })
      await assert.rejects(update(rule, { name: 'back' }), { code: 'not_found' })
    })

    it('may not be deleted while they are active', async () => {
      const rule = await create()
      await assert.rejects(remove(rule), ({ code, details }: PulltraceError) => {
        assert.deepEqual([code, details.fix], ['invalid', 'disable it first'])
        return true
      })
      assert.deepEqual(await rules().list(), [rule])
    })

    it('go from draft to active, and between active and disabled', async () => {
      const states = ['draft', 'active', 'disabled'] as const
      const taken: string[] = []
      for (const from of states) {
        for (const to of states) {
          const rule = await create({ state: from })
          const refused = await update(rule, { state: to, name: 'changed' }).then(
            () => undefined,
            (error: PulltraceError) => [error.code, error.details.path, error.details.seen],
          )
          if (refused === undefined) taken.push(`${from} > ${to}`)
          else assert.deepEqual(refused, ['invalid', 'changes[0].state', to])
          assert.equal((await rules().get(rule.rule_id))?.version, refused === undefined ? 2 : 1)
        }
      }
      const still = states.map(state => `${state} > ${state}`)
      assert.deepEqual(taken.sort(), [...still, 'active > disabled', 'disabled > active', 'draft > active'].sort())
      const { message, details } = await update(await create(), { state: 'draft' }).then(
        () => assert.fail('an active rule became a draft'),
        (error: PulltraceError) => error,
      )
      assert.match(message, /^rule "[^"]*" is active: `state` may not become 'draft'$/)
      assert.deepEqual([details.bound, details.fix], ['active or disabled', 'leave it active, or make it disabled'])
    })

    it('are unknown where there is none', async () => {
      assert.deepEqual(await rules().versions('none'), [])
      assert.equal(await rules().get('none'), undefined)
      await assert.rejects(remove({ rule_id: 'none', version: 1 } as Rule), { code: 'not_found' })
    })

    it('are active at most 10,000 at once', async function () {
      this.timeout(60_000)
      // For ten kinds of sensors: none of them gets too many.
      const scopes = Array.from({ length: 10 }, (_, kind) => ({ tags: [`kind-${kind}`], exclude_tags: [] }))
      const content = ruleContent()
      const many = await rules().change(
        Array.from({ length: 10_000 }, (_, at) => ({
          kind: 'create',
          content: ruleContent({ scope: scopes[at % 10]! }),
        })),
        by,
      )
      await assert.rejects(create(), ({ code, message, details }: PulltraceError) => {
        assert.deepEqual([code, details.seen], ['invalid', '10001'])
        assert.match(message, /10001 rules would be active, more than the 10000/)
        return true
      })
      const draft = await create({ state: 'draft' })
      await assert.rejects(update(draft, {}), { code: 'invalid' })
      // One for another, in one call.
      const off = ruleContent({ state: 'disabled' })
      await rules().change(
        [
          { kind: 'update', ruleId: draft.rule_id, basedOn: 1, content },
          { kind: 'update', ruleId: many[0]!.rule_id, basedOn: 1, content: off },
        ],
        by,
      )
      assert.equal((await rules().snapshot())?.rules.length, 10_000)
    })

    it('are refused where a sensor would get more than 2,000 of them', async function () {
      this.timeout(60_000)
      const scope = (tags: string[], exclude_tags: string[] = []) => ({ scope: { tags, exclude_tags } })
      const some = (rules: number, changes: Partial<RuleContent>) =>
        Array.from({ length: rules }, () => ({ kind: 'create', content: ruleContent(changes) }) as const)
      const web = scope(['web', 'a'])
      await rules().change([...some(1500, web), ...some(500, scope(['a'])), ...some(100, scope(['web'], ['a']))], by)
      const full = ({ code, message, details }: PulltraceError) => {
        assert.deepEqual(
          [code, details.seen, details.bound],
          ['invalid', '2001', 'at most 2000 active rules for a sensor'],
        )
        assert.match(message, /^2001 active rules would apply to a sensor with the tags 'a', 'web', more than the 2000/)
        return true
      }
      await assert.rejects(create(web), full)
      await assert.rejects(create(scope([])), full)
      // As a draft it is stored; to switch it on, or to widen the scope of one that is on, is what is refused.
      await assert.rejects(update(await create({ ...web, state: 'draft' }), web), full)
      const elsewhere = await create(scope(['b']))
      await assert.rejects(update(elsewhere, scope(['a'])), full)
      assert.equal((await update(elsewhere, { ...scope(['b']), name: 'of another sensor' }))[0]?.version, 2)
    })
  })
}
