import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PulltraceError } from '../../core/lib/errors.ts'
import { actions, type Rule, type RuleContent, type RuleState, ruleStates } from '../../core/rules/rule.ts'
import { ruleContent } from './rule-content.fake.ts'
import type { PauseState, RuleChange } from './rules-store.ts'
import { by, type MakeTk, startMs } from './tk-conformance.ts'

const runs = process.env['SOAK'] ? 300 : 30

const content = fc
  .record({
    name: fc.constantFrom('a', 'b'),
    state: fc.constantFrom(...ruleStates),
    dry_run: fc.boolean(),
    action: fc.constantFrom(...actions),
  })
  .map(changes => ruleContent(changes))

/** `rule` picks one of those that were ever made; `basedOn` is how far from its version. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('create' as const), content }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('update' as const, 'delete' as const),
      rule: fc.nat(5),
      basedOn: fc.constantFrom(0, 0, 0, 0, -1, 1),
      content,
    }),
  },
)
const asked = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('change' as const), steps: fc.array(step, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pause' as const, 'resume' as const) }) },
)

/** What the store must be, told in the plainest way. */
class Model {
  rules = new Map<string, { versions: Rule[]; deleted: boolean }>()
  pause: PauseState = { paused: false }
  audited = 0

  /** Of the changes that a store would take; the code of the first that it would not. */
  change(changes: readonly RuleChange[], answered: readonly (Rule | undefined)[] | undefined): string | undefined {
    const before = structuredClone(this.rules)
    let audited = 0
    for (const [i, change] of changes.entries()) {
      if (change.kind === 'create') {
        const id = answered?.[i]?.rule_id ?? `unanswered ${i}`
        this.rules.set(id, { versions: [ruleOf(change.content, id, 1)], deleted: false })
        audited++
        continue
      }
      const rule = this.rules.get(change.ruleId)
      const newest = rule?.versions.at(-1)
      const code =
        rule === undefined || rule.deleted
          ? 'not_found'
          : newest!.version !== change.basedOn
            ? 'conflict'
            : change.kind === 'delete'
              ? newest!.state === 'active'
                ? 'invalid'
                : undefined
              : mayFollow(newest!.state, change.content.state)
                ? undefined
                : 'invalid'
      if (code !== undefined) {
        this.rules = before
        return code
      }
      if (change.kind === 'delete') rule!.deleted = true
      else {
        const next = ruleOf(change.content, change.ruleId, newest!.version + 1)
        if (JSON.stringify({ ...next, version: 0 }) === JSON.stringify({ ...newest, version: 0 })) continue
        rule!.versions.push(next)
      }
      audited++
    }
    this.audited += audited
    return undefined
  }

  list(): Rule[] {
    const shown = [...this.rules.values()].filter(({ deleted }) => !deleted)
    return shown.map(({ versions }) => versions.at(-1)!).sort((a, b) => (a.rule_id < b.rule_id ? -1 : 1))
  }
}

const mayFollow = (from: RuleState, to: RuleState): boolean =>
  from === to || to === 'active' || (from === 'active' && to === 'disabled')

const ruleOf = (rule: RuleContent, rule_id: string, version: number): Rule => ({
  rule_id,
  version,
  created_at: new Date(startMs).toISOString(),
  ...rule,
})

/** Any sequence of changes, by two processes in turns, equals a Map. */
export function describeTkProperties(make: MakeTk): void {
  it(`equals a Map after any sequence of changes by two processes, ${runs} times`, async function () {
    this.timeout(runs * 4000)
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { maxLength: 12 }), async sequence => {
        const open = await make({ now: () => startMs })
        const stores = [open(), open()]
        const model = new Model()
        try {
          for (const [turn, ask] of sequence.entries()) {
            const { rules } = stores[turn % 2]!
            if (ask.kind === 'change') {
              const ids = [...model.rules.keys()]
              const changes = ask.steps.map((each): RuleChange => {
                if (each.kind === 'create') return each
                const ruleId = ids[each.rule % Math.max(1, ids.length)] ?? 'none'
                const basedOn = (model.rules.get(ruleId)?.versions.length ?? 0) + each.basedOn
                return { kind: each.kind, ruleId, basedOn, content: each.content }
              })
              const answer = await rules.change(changes, by).catch((error: unknown) => PulltraceError.from(error))
              const refused = answer instanceof PulltraceError ? answer : undefined
              const expected = model.change(changes, answer instanceof PulltraceError ? undefined : answer)
              assert.equal(refused?.code, expected, refused?.stack)
            } else {
              const paused = ask.kind === 'pause'
              if (model.pause.paused !== paused) model.audited++
              model.pause = paused ? { paused, by: by.name, why: 'why', sinceMs: startMs } : { paused }
              assert.deepEqual(await (paused ? rules.pause('why', by) : rules.resume(by)), model.pause)
            }
            const other = stores[(turn + 1) % 2]!
            assert.deepEqual(await other.rules.list(), model.list())
          }
          const [{ rules, audit }] = stores as [(typeof stores)[0]]
          const snapshot = (await rules.snapshot())!
          assert.deepEqual(snapshot.pause, model.pause)
          assert.deepEqual(
            snapshot.rules,
            model.list().filter(({ state }) => state === 'active'),
          )
          for (const [id, { versions }] of model.rules) {
            assert.deepEqual(
              (await rules.versions(id)).map(({ rule }) => rule),
              versions.toReversed(),
            )
          }
          assert.equal((await audit.search(1000)).items.length, model.audited)
        } finally {
          for (const store of stores) await store.close()
        }
      }),
      { numRuns: runs },
    )
  })
}
