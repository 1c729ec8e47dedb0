import assert from 'node:assert/strict'
import { systemClock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { ruleContent } from '../../store/rule-content.fake.ts'
import { html } from '../../ui/html.ts'
import type { PageRequest } from '../route.ts'
import { playgroundRoutes } from './playground-routes.ts'
import type { RuleParts } from './rule-parts.ts'

describe('the playground', () => {
  it('tries a typed record also when recent events cannot be found in time', async () => {
    const rule = { ...ruleContent(), rule_id: 'r1', version: 1, created_at: '' }
    const store = {
      rules: { list: async () => [rule] },
      events: {
        search: async () => {
          throw new PulltraceError(Code.Timeout, 'the search of events took longer than 10 s')
        },
      },
    } as unknown as RuleParts['store']
    const { handle } = playgroundRoutes({ store, clock: systemClock }).find(({ method }) => method === 'POST')!
    const form = new URLSearchParams({ rule: 'r1', record: '{"pinned":false}' })
    const answer = await handle({ form, csrf: html`` } as unknown as PageRequest)
    assert.ok('page' in answer)
    const text = String(answer.page.body)
    assert.match(text, /It matches: observe/)
    assert.ok(text.includes('{&quot;pinned&quot;:false}'), 'what was typed is kept')
    assert.ok(!text.includes('Take a recent event'))
  })
})
