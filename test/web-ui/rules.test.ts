import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Rule } from '../../core/rules/rule.ts'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import { sentForm } from '../../server/web-ui/rules/sent-form.fake.ts'
import type { Answer, Browser } from './browser.fake.ts'
import { startWebUi, type WebUi } from './start-web-ui.ts'

const hostile = '</title><script>alert(1)</script><img src=x onerror=alert(2)>" onfocus="alert(3)'

describe('the pages of rules', function () {
  this.timeout(60_000)
  let ui: WebUi
  let editor: Browser
  before(async () => {
    ui = await startWebUi()
    editor = await ui.signIn('eddie', 'editor')
  })
  after(() => ui[Symbol.asyncDispose]())

  async function stored(changes: Parameters<typeof ruleContent>[0] = {}): Promise<Rule> {
    const content = ruleContent(changes)
    const [rule] = await ui.store.rules.change([{ kind: 'create', content }], { name: 'user:olga' })
    return rule!
  }

  /** Fills in and sends the form of a page as it stands, without scripts. */
  function send(browser: Browser, page: Answer, action: string, button: string, changes: Record<string, string> = {}) {
    const fields = sentForm(page.text, action, button)
    for (const [name, value] of Object.entries(changes)) fields.set(name, value)
    return browser.postPlainly(action, Object.fromEntries(fields))
  }

  const found = async (name: string) => (await ui.store.rules.list()).filter(rule => rule.name === name)

  it('makes a rule with two groups, told of each fault at its field, and loses nothing typed', async () => {
    const first = await editor.get('/rules/new')
    assert.equal(first.status, 200)
    const grown = await send(editor, first, '/rules/new', 'add-condition 0')
    const two = await send(editor, grown, '/rules/new', 'add-group', { name: 'Slow' })
    const wrong = await send(editor, two, '/rules/new', 'save', {
      ...{ 'any[0].all[0].field': 'durations.total', 'any[0].all[0].op': 'gt', 'any[0].all[0].field_type': 'numeric' },
      ...{ 'any[0].all[0].value': 'long', 'any[0].all[1].field': 'labels["a.b/c"]', 'any[0].all[1].op': 'exists' },
      ...{ 'any[1].all[0].field': 'error_code', 'any[1].all[0].value': 'NoSpace', 'scope.tags': 'pulls, team:a' },
    })
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /aria-invalid="true" aria-describedby="f-any-0-all-0-value-fault"/)
    assert.match(wrong.text, /One thing is not right yet; nothing was stored/)
    assert.deepEqual(await found('Slow'), [])
    const checked = await send(editor, wrong, '/rules/new', 'check', { 'any[0].all[0].value': '60' })
    assert.match(checked.text, /Nothing is wrong with it. It is not stored yet/)
    const right = await send(editor, checked, '/rules/new', 'save')
    assert.equal(right.status, 303)
    const [rule] = await found('Slow')
    assert.equal(right.location, `/rules/${rule!.rule_id}?done=created`)
    assert.deepEqual(rule!.scope.tags, ['pulls', 'team:a'])
    assert.deepEqual(
      rule!.any.map(({ all }) => all.map(({ field, op, value }) => [field, op, value])),
      [
        [
          [['durations', 'total'], 'gt', 60],
          [['labels', 'a.b/c'], 'exists', undefined],
        ],
        [[['error_code'], 'eq', 'NoSpace']],
      ],
    )
    assert.equal(rule!.dry_run, true)
    const page = await editor.get(right.location!)
    assert.match(page.text, /The rule is stored/)
    assert.match(page.text, /Cost: 54/)
    const [entry] = (await ui.store.audit.search(1)).items
    assert.deepEqual([entry?.action, entry?.actor, entry?.target], ['rule.create', 'user:eddie', rule!.rule_id])
  })

  it('says beside the action what it does to a pull, and that none is ever stopped', async () => {
    const { text } = await editor.get('/rules/new')
    const field = /<select id="f-action"[\s\S]*?<span class="hint">([\s\S]*?)<\/span>/.exec(text)?.[1] ?? ''
    assert.match(field, /No pull is ever stopped/)
    assert.match(field, /drop hides a pull from the pages, the API and the history; a job is told to leave/)
    assert.match(field, /fail marks a pull as breaking the rule; a job is told to stop/)
    assert.ok(!text.includes('the caller stops'))
  })

  it('shows a rule as YAML, takes it back changed, and tells faults with their line', async () => {
    const rule = await stored({ name: 'as yaml' })
    const path = `/rules/${rule.rule_id}/edit`
    const yaml = await send(editor, await editor.get(path), path, 'to-yaml')
    const fields = sentForm(yaml.text, path, 'save')
    const text = fields.get('yaml')!
    assert.match(text, /^name: as yaml\r$/m)
    const wrong = await send(editor, yaml, path, 'save', { yaml: text.replace('action: observe', 'action: explode') })
    assert.equal(wrong.status, 422)
    assert.match(wrong.text, /line:6:1: `action` must be one of/)
    assert.match(wrong.text, /action: explode/)
    const form = await send(editor, yaml, path, 'to-form', { yaml: text.replace('as yaml', 'from yaml') })
    assert.match(form.text, /name="name" value="from yaml"/)
    const saved = await send(editor, form, path, 'save')
    assert.equal(saved.location, `/rules/${rule.rule_id}?done=saved-2`)
    assert.deepEqual((await found('from yaml'))[0]?.any, rule.any)
  })

  it('tells the second of two editors what the first did, and goes on from both', async () => {
    const rule = await stored({ name: 'two at once', description: 'before' })
    const path = `/rules/${rule.rule_id}/edit`
    const olga = await ui.signIn('olga', 'editor')
    const [hers, his] = [await olga.get(path), await editor.get(path)]
    assert.equal((await send(olga, hers, path, 'save', { sample_rate: '0.5', name: 'hers' })).status, 303)
    const told = await send(editor, his, path, 'save', { description: 'mine', name: 'his' })
    assert.equal(told.status, 409)
    assert.match(told.text, /olga stored version 2/)
    assert.match(told.text, /<ins>\+ sample_rate: 0.5<\/ins>/)
    assert.match(told.text, /Both of you changed <code>name<\/code>/)
    assert.equal((await ui.store.rules.get(rule.rule_id))?.description, 'before')
    assert.equal((await send(editor, told, path, 'save')).status, 303)
    const { name, description, sample_rate, version } = (await ui.store.rules.get(rule.rule_id))!
    assert.deepEqual(
      { name, description, sample_rate, version },
      { name: 'his', description: 'mine', sample_rate: 0.5, version: 3 },
    )
  })

  it('keeps what was written when the rule was deleted meanwhile', async () => {
    const rule = await stored({ name: 'goes away', state: 'draft' })
    const path = `/rules/${rule.rule_id}/edit`
    const page = await editor.get(path)
    await ui.store.rules.change([{ kind: 'delete', ruleId: rule.rule_id, basedOn: 1 }], { name: 'user:olga' })
    const told = await send(editor, page, path, 'save', { description: 'still here' })
    assert.equal(told.status, 409)
    assert.match(told.text, /Somebody deleted this rule meanwhile/)
    assert.equal((await send(editor, told, '/rules/new', 'save')).status, 303)
    assert.equal((await found('goes away'))[0]?.description, 'still here')
  })

  it('walks a rule through its states and its dry run, and deletes it only when it is not active', async () => {
    const rule = await stored({ name: 'a life', state: 'draft', dry_run: true, action: 'drop' })
    const path = `/rules/${rule.rule_id}`
    const press = async (action: string, fields: Record<string, string>) =>
      (await editor.post(`${path}/${action}`, fields, path)).status
    assert.equal(await press('state', { to: 'active', based_on: '1' }), 303)
    assert.equal(await press('state', { to: 'draft', based_on: '2' }), 400)
    assert.equal(await press('state', { to: 'dry-run-off', based_on: '2' }), 303)
    assert.equal(await press('state', { to: 'disabled', based_on: '2' }), 409)
    assert.equal(await press('delete', { based_on: '3' }), 400)
    const { state, dry_run, version } = (await ui.store.rules.get(rule.rule_id))!
    assert.deepEqual({ state, dry_run, version }, { state: 'active', dry_run: false, version: 3 })
    assert.equal(await press('state', { to: 'disabled', based_on: '3' }), 303)
    assert.equal(await press('delete', { based_on: '4' }), 303)
    assert.equal(await ui.store.rules.get(rule.rule_id), undefined)
    assert.match((await editor.get(`${path}/versions`)).text, /This rule is deleted/)
  })

  it('compares any two versions, and goes back to one as a new version that stays in force', async () => {
    const rule = await stored({ name: 'first', state: 'draft' })
    const actor = { name: 'user:olga' }
    const update = (basedOn: number, name: string) =>
      ui.store.rules.change([{ kind: 'update', ruleId: rule.rule_id, basedOn, content: ruleContent({ name }) }], actor)
    await update(1, 'second')
    await update(2, 'third')
    const page = await editor.get(`/rules/${rule.rule_id}/versions?from=1&to=3`)
    assert.match(page.text, /<del>− name: first<\/del>/)
    assert.match(page.text, /<ins>\+ name: third<\/ins>/)
    const back = await send(editor, page, `/rules/${rule.rule_id}/rollback`, '')
    assert.equal(back.status, 303)
    const now = (await ui.store.rules.get(rule.rule_id))!
    assert.deepEqual([now.name, now.version, now.state], ['first', 4, 'active'])
  })

  it('tries a typed record and a stored one, condition by condition', async () => {
    const rule = await stored({ name: 'tried' })
    const page = await editor.get(`/playground?rule=${rule.rule_id}`)
    const tried = await send(editor, page, '/playground', '', { record: '{"pinned": "no"}' })
    assert.match(tried.text, /It does not match/)
    assert.match(tried.text, /not convertible/)
    assert.match(tried.text, /on_coercion_fail: skip/)
    assert.match((await send(editor, page, '/playground', '', { record: '{"pinned": ' })).text, /must be JSON/)
    const event = sensorEvent(7, {
      ruleId: rule.rule_id,
      eventId: '019c1234-5678-7abc-8def-0000000000aa',
      recordJson: '{"pinned":false}',
    })
    assert.deepEqual(await ui.store.events.append(eventBatch([event])), ['stored'])
    const recalled = await editor.get(`/playground?event=${event.eventId}`)
    assert.match(recalled.text, /It matches: observe/)
    assert.equal((await editor.get(`/playground?event=${randomUUID()}`)).status, 404)
    const edit = `/rules/${rule.rule_id}/edit`
    const inEditor = await send(editor, await editor.get(edit), edit, 'try', {
      record: '{"pinned": true}',
      name: 'other',
    })
    assert.match(inEditor.text, /It does not match/)
    assert.match(inEditor.text, /name="name" value="other"/)
  })

  it('offers recent events to try, those of the rule that is chosen', async () => {
    const [rule, other] = [await stored({ name: 'recent' }), await stored({ name: 'another' })]
    const receivedAtMs = Date.now() - 1000
    const [a, b, bare] = [rule, other, rule].map((each, n) =>
      sensorEvent(0, {
        ...{ receivedAtMs, ruleId: each.rule_id, eventId: randomUUID() },
        ...{ recordJson: n === 2 ? undefined : '{"pinned":false}', matchedValueJson: '"<b>"' },
      }),
    )
    await ui.store.events.append(eventBatch([a!, b!, bare!]))
    const idsIn = (text: string) =>
      [...text.matchAll(/href="\/playground\?event=([0-9a-f-]{36})/g)].map(match => match[1])
    const all = await editor.get('/playground')
    assert.ok(idsIn(all.text).includes(a!.eventId) && idsIn(all.text).includes(b!.eventId))
    assert.ok(!idsIn(all.text).includes(bare!.eventId), 'nothing can be tried without a record')
    const chosen = await editor.get(`/playground?rule=${rule.rule_id}`)
    assert.deepEqual(idsIn(chosen.text), [a!.eventId])
    assert.ok(chosen.text.includes('&quot;&lt;b&gt;&quot;'))
    const link = /href="(\/playground\?event=[^"]+)"/.exec(chosen.text)![1]!.replaceAll('&amp;', '&')
    const taken = await editor.get(link)
    assert.match(taken.text, /It matches: observe/)
    assert.ok(taken.text.includes(`<option value="${rule.rule_id}" selected>`))
  })

  it('says of a stored and of an edited rule what it would have matched', async () => {
    const rule = await stored({ name: 'backtested', scope: { tags: ['backtest'], exclude_tags: [] } })
    const events = [1, 2, 3].map(n =>
      sensorEvent(n, {
        ruleId: rule.rule_id,
        recordJson: JSON.stringify({ pinned: n !== 2 }),
        receivedAtMs: Date.now(),
      }),
    )
    await ui.store.events.append(eventBatch(events, { tags: ['backtest'] }))
    const page = await editor.get(`/rules/${rule.rule_id}/backtest`)
    assert.match(page.text, /Would have matched 1 of the last \d+ events/)
    const edit = `/rules/${rule.rule_id}/edit`
    const edited = await send(editor, await editor.get(edit), edit, 'backtest', { 'any[0].all[0].value': 'true' })
    assert.match(edited.text, /Would have matched 2 of the last \d+ events/)
  })

  it('lets a viewer read rules and nothing more, by any address', async () => {
    const rule = await stored({ name: 'only read' })
    const viewer = await ui.signIn('vera', 'viewer')
    const path = `/rules/${rule.rule_id}`
    const page = await viewer.get(path)
    assert.equal(page.status, 200)
    assert.doesNotMatch(page.text, /<button name="to"|\/edit"/)
    assert.equal((await viewer.get(`${path}/versions`)).status, 200)
    for (const address of ['/rules/new', `${path}/edit`, `${path}/backtest`, '/playground']) {
      assert.equal((await viewer.get(address)).status, 403, address)
    }
    const csrf = (await viewer.csrf(path))!
    for (const address of [
      '/rules/new',
      `${path}/edit`,
      `${path}/state`,
      `${path}/rollback`,
      `${path}/delete`,
      '/playground',
    ]) {
      const fields = { csrf, based_on: '1', to: 'disabled', version: '1', do: 'save', view: 'form' }
      assert.equal((await viewer.postPlainly(address, fields)).status, 403, address)
    }
    assert.deepEqual(await ui.store.rules.get(rule.rule_id), rule)
  })

  it('shows hostile names, values and paths as text on every page', async () => {
    const [condition] = ruleContent().any[0]!.all
    const all = [{ ...condition!, op: 'eq', field_type: 'text', field: ['a', hostile], value: hostile } as const]
    const rule = await stored({ name: hostile, description: `${hostile}\u202e`, any: [{ all }] })
    const path = `/rules/${rule.rule_id}`
    const record = JSON.stringify({ a: { [hostile]: hostile } })
    const play = await editor.get(`/playground?rule=${rule.rule_id}`)
    const pages = [
      await editor.get(path),
      await editor.get(`${path}/edit`),
      await editor.get(`${path}/edit?view=yaml`),
      await editor.get(`${path}/versions`),
      await editor.get(`${path}/backtest`),
      await send(editor, play, '/playground', '', { record }),
    ]
    for (const [at, { status, text }] of pages.entries()) {
      assert.equal(status, 200)
      assert.doesNotMatch(text, /<script>alert|<img src=x|" onfocus="/, `page ${at}`)
    }
    assert.match(pages[5]!.text, /It matches/)
    for (const text of ['%00', '..%2f..%2fetc', 'x'.repeat(2000), encodeURIComponent(hostile)]) {
      const { status, text: page } = await editor.get(`/rules/${text}`)
      assert.ok(status === 404 || status === 400, `${status} for ${text}`)
      assert.doesNotMatch(page, /<script>alert/)
    }
  })

  it('has an admin set what rules may cost, and holds the editor to it', async () => {
    const admin = await ui.signIn('root', 'admin')
    await stored({ name: 'first' })
    assert.ok((await admin.get('/')).text.includes('href="/budgets"'))
    assert.match((await admin.get('/budgets')).text, /name="rule"[^>]* value="50000"/)
    for (const [form, message] of [
      [{ warning: '5', rule: 'x', set: '5' }, /`rule` must be a whole number from 1 to 1000000000/i],
      [{ warning: '0', rule: '5', set: '5' }, /`warning` must be a whole number/i],
      [{ warning: '6', rule: '5', set: '5' }, /`warning` must be at most `rule`, 5/i],
    ] as const) {
      const { status, text } = await admin.post('/budgets', form, '/budgets')
      assert.equal(status, 400)
      assert.match(text, message)
      assert.ok(text.includes(`value="${form.rule}"`), 'what was typed stays')
    }
    assert.equal((await editor.get('/budgets')).status, 403)
    assert.equal((await editor.post('/budgets', { warning: '1', rule: '2', set: '3' })).status, 403)
    const rule = await stored({ name: 'dear' })
    const set = (budgets: Record<string, string>) => admin.post('/budgets', budgets, '/budgets')
    try {
      assert.equal((await set({ warning: '2', rule: '3', set: '4' })).location, '/budgets?saved')
      const edit = `/rules/${rule.rule_id}/edit`
      const refused = await send(editor, await editor.get(edit), edit, 'save', { name: 'dearer' })
      assert.equal(refused.status, 422)
      assert.match(refused.text, /the score of a rule must be at most 3, got \d+/)
      const { text } = await editor.get(`/rules/${rule.rule_id}`)
      assert.match(text, /is above 2: each record will take long/)
      assert.match(text, /in all, above 4\./)
    } finally {
      await set({ warning: '5000', rule: '50000', set: '100000' })
    }
    assert.ok((await admin.get('/audit?action=budgets.set')).text.includes('&quot;scoreOfRule&quot;: 3'))
  })

  it('refuses a form that is too large, or that says no version', async () => {
    const rule = await stored({ name: 'bounds' })
    const path = `/rules/${rule.rule_id}/edit`
    const large = await send(editor, await editor.get(path), path, 'save', { record: 'x'.repeat(5_000_000) })
    assert.equal(large.status, 413)
    assert.equal((await send(editor, await editor.get(path), path, 'save', { based_on: '99' })).status, 400)
    assert.equal((await ui.store.rules.get(rule.rule_id))?.version, 1)
  })
})
