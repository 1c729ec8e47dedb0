import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { all, sent } from './build.fake.ts'
import { compileRules } from './compile.ts'
import { evaluate } from './evaluate.ts'
import type { UseOfCode } from './screen.ts'

const rule = (id: number) => sent({}, { rule_id: `${id}` })
const screenOf = (rules: number, use: UseOfCode) =>
  compileRules(
    Array.from({ length: rules }, (_, id) => rule(id)),
    use,
  ).set.screen

const cold = { t: 0 }

describe('Screen', () => {
  it('says no to what cannot match, and leaves the rest to the steps', () => {
    const screen = screenOf(60, 'at once')
    assert.deepEqual(
      [cold, {}, { t: 101 }, { t: '0' }, null].map(record => screen.mayMatch(record)),
      [...[false, false], ...[true, true, true]],
    )
  })

  it('is made for a set that is used, some rules with each check', () => {
    const screen = screenOf(200, 'when used')
    let checks = 1
    while (screen.mayMatch(cold) && checks < 1000) checks++
    assert.equal(checks, 200 + 3 + 1)
  })

  it('knows nothing of a set that is large, or is to be tried without code', () => {
    assert.deepEqual(
      [screenOf(301, 'at once'), screenOf(1, 'never'), screenOf(300, 'at once')].map(({ rules }) => rules.size),
      [0, 0, 300],
    )
  })

  it('leaves a record whose getter throws to the steps', () => {
    const broken = {
      get t(): number {
        throw new Error('no value today')
      },
    }
    assert.equal(screenOf(1, 'at once').mayMatch(broken), true)
  })

  it('stands aside while a getter of the record has the same set check another', () => {
    const { set } = compileRules([rule(1)], 'at once')
    const seen: string[] = []
    const outer = {
      get t() {
        seen.push(evaluate(set, { t: 101 }, Math.random, () => {}))
        return 0
      },
    }
    assert.equal(
      evaluate(set, outer, Math.random, () => {}),
      'pass',
    )
    assert.deepEqual([seen, set.busy], [['observe'], false])
  })

  it('does without where code may not be made of text', () => {
    const file = (name: string) => JSON.stringify(pathToFileURL(path.join(import.meta.dirname, name)).href)
    const script = `
      const { compileRules } = await import(${file('compile.ts')})
      const { evaluate } = await import(${file('evaluate.ts')})
      const { set } = compileRules(${JSON.stringify([sent({ any: all({ field: ['t'], op: 'exists' }) })])}, 'at once')
      const actions = [{}, { t: 1 }].map(record => evaluate(set, record, Math.random, () => {}))
      console.log(JSON.stringify([set.screen.rules.size, set.screen.mayMatch({}), ...actions]))`
    const args = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script]
    const printed = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 })
    assert.deepEqual(JSON.parse(printed), [1, true, 'pass', 'observe'])
  }).timeout(20_000)
})
