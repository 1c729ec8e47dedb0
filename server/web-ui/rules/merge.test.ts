import assert from 'node:assert/strict'
import { ruleContent } from '../../store/rule-content.fake.ts'
import { diffRows } from './diff-rows.ts'
import { mergeRules } from './merge.ts'
import { parseRecord, tooMuchToExplain } from './record.ts'

const base = ruleContent()
const [condition] = base.any[0]!.all
const two = ruleContent({ any: [{ all: [condition!, { ...condition!, field: ['b'] }] }] })

describe('mergeRules', () => {
  it('is mine when they changed nothing, and theirs when I did', () => {
    const changed = ruleContent({ name: 'changed', any: [...base.any, ...base.any] })
    assert.deepEqual(mergeRules(base, changed, base), { content: changed, conflicts: [], taken: [] })
    assert.deepEqual(mergeRules(base, base, changed).content, changed)
    assert.deepEqual(mergeRules(base, changed, changed), { content: changed, conflicts: [], taken: [] })
  })

  it('has what each of both changed alone', () => {
    const mine = { ...two, name: 'mine', any: [{ all: [{ ...condition!, op: 'neq' }, two.any[0]!.all[1]!] }] } as const
    const theirs = { ...two, dry_run: true, any: [{ all: [condition!, { ...condition!, field: ['c'] }] }] }
    const { content, conflicts, taken } = mergeRules(two, mine, theirs)
    assert.deepEqual(content, { ...mine, dry_run: true, any: [{ all: [mine.any[0].all[0], theirs.any[0]!.all[1]] }] })
    assert.deepEqual(conflicts, [])
    assert.deepEqual(taken, ['dry_run', 'any[0].all[1]'])
  })

  it('keeps mine where both changed the same, and says so', () => {
    const { content, conflicts } = mergeRules(base, ruleContent({ name: 'mine' }), ruleContent({ name: 'theirs' }))
    assert.equal(content.name, 'mine')
    assert.deepEqual(conflicts, ['name'])
  })

  it('does not mix groups when one of both added or removed some', () => {
    const mine = ruleContent({ any: [...base.any, ...base.any] })
    const theirs = ruleContent({ any: [{ all: [{ ...condition!, value: true }] }] })
    const { content, conflicts } = mergeRules(base, mine, theirs)
    assert.deepEqual(content.any, mine.any)
    assert.deepEqual(conflicts, ['any'])
  })
})

describe('diffRows', () => {
  for (const [left, right, want] of [
    ['', '', []],
    ['a\n', 'a\n', ['a|a']],
    ['a\nb\nc\n', 'a\nx\nc\n', ['a|a', 'b!x', 'c|c']],
    ['a\n', 'a\nb\nc\n', ['a|a', '!b', '!c']],
    ['a\nb\n', 'b\n', ['a!', 'b|b']],
    ['a\nb\n', 'c\n', ['a!c', 'b!']],
  ] as const) {
    it(`puts ${JSON.stringify(left)} beside ${JSON.stringify(right)}`, () => {
      const rows = diffRows(left, right)
      const shown = rows.map(row => `${row.left?.text ?? ''}${row.kind === 'same' ? '|' : '!'}${row.right?.text ?? ''}`)
      assert.deepEqual(shown, want)
      const numbers = rows.flatMap(row => (row.right ? [row.right.number] : []))
      assert.deepEqual(
        numbers,
        [...numbers.keys()].map(at => at + 1),
      )
    })
  }
})

describe('texts that have little in common', () => {
  it('stand whole beside each other', () => {
    const text = (word: string) => Array.from({ length: 3000 }, (_, at) => `${word} ${at}\n`).join('')
    const rows = diffRows(text('old'), text('new'))
    assert.equal(rows.length, 3000)
    assert.deepEqual([rows[0]?.left?.text, rows[2999]?.right?.text], ['old 0', 'new 2999'])
  })
})

describe('tooMuchToExplain', () => {
  it('lets a rule with many wildcards be tried on small records only', () => {
    const text = 'x'.repeat(1024 * 1024)
    const all = Array.from({ length: 9 }, () => ({ ...condition!, field: ['*', 'a'] }))
    assert.equal(tooMuchToExplain(base, text), undefined)
    assert.equal(tooMuchToExplain({ any: [{ all: all.slice(1) }] }, text), undefined)
    assert.match(
      tooMuchToExplain({ any: [{ all }] }, text)!,
      /with 9 conditions .* at most 932067 bytes, and this is 1048576/,
    )
  })
})

describe('parseRecord', () => {
  it('keeps each digit of a whole number, and says where JSON is wrong', () => {
    assert.deepEqual(parseRecord('{"id": 9007199254740993, "n": 1.5}'), { record: { id: 9007199254740993n, n: 1.5 } })
    assert.match(parseRecord('{"a":\n 1,}').fault!, /must be JSON: .*line 2 column/)
    assert.match(parseRecord(`"${'x'.repeat(1024 * 1024)}"`).fault!, /at most 1048576 bytes, and this is 1048578/)
  })
})
