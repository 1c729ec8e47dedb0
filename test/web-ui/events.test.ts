import assert from 'node:assert/strict'
import { ruleContent } from '../../server/store/rule-content.fake.ts'
import { eventBatch, eventId, sensorEvent } from '../../server/store/sensor-event.fake.ts'
import type { Browser } from './browser.fake.ts'
import { startWebUi, type WebUi } from './start-web-ui.ts'

describe('events in tk-web-ui', function () {
  this.timeout(60_000)
  let ui: WebUi
  let viewer: Browser
  let ruleId: string
  let nowMs: number
  const event = (n: number, changes: object = {}) =>
    sensorEvent(n, { ruleId, receivedAtMs: nowMs - 60_000 + n, clientAtMs: nowMs - 60_000, ...changes })

  before(async () => {
    ui = await startWebUi({ PULLTRACE_PUBLIC_URL: 'https://pulls.example' })
    viewer = await ui.signIn('vera', 'viewer')
    const content = ruleContent({ name: 'Huge <i>image</i>', state: 'active', action: 'fail', dry_run: true })
    const [rule] = await ui.store.rules.change([{ kind: 'create', content }], { name: 'system' })
    ruleId = rule!.rule_id
    nowMs = Date.now()
    await ui.store.events.append(eventBatch(Array.from({ length: 120 }, (_, n) => event(n))))
    await ui.store.events.append(
      eventBatch(
        [
          event(500, {
            matchedPath: ['x.y', 3],
            matchedValueJson: '"<script>alert(1)</script>\\u202e"',
            recordJson: '{"a":"<script>alert(2)</script>","n":12345678901234567890}',
            metadata: { '<b>': '=HYPERLINK("x")', pull_id: '../x"' },
          }),
          event(501, {
            action: 'drop',
            recordJson: undefined,
            matchedValueJson: undefined,
            matchKind: 'MISSING_MATCHED',
          }),
        ],
        { tags: ['@SUM(A1)', 'staging'], sensorId: '019c9999-9999-7999-8999-999999999999' },
      ),
    )
  })
  after(() => ui[Symbol.asyncDispose]())

  const idsIn = (text: string) => [...text.matchAll(/href="\/events\/([0-9a-f-]{36})"/g)].map(match => match[1])

  it('shows the newest first, page by page, each once', async () => {
    const seen: (string | undefined)[] = []
    let path: string | undefined = '/events?tag=production'
    for (let pages = 0; path !== undefined; pages++) {
      assert.ok(pages < 4)
      const { text } = await viewer.get(path)
      seen.push(...idsIn(text))
      path = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 120 }, (_, at) => eventId(119 - at)),
    )
  })

  it('finds by each condition that its form has', async () => {
    const both = [eventId(501), eventId(500)]
    const rows: readonly [string, readonly string[]][] = [
      ['tag=staging', both],
      ['sensor=019C9999-9999-7999-8999-999999999999', both],
      ['action=drop', [eventId(501)]],
      ['kind=MISSING_MATCHED', [eventId(501)]],
      [`path=${encodeURIComponent('["x.y"][3]')}`, [eventId(500)]],
      [`metadata=${encodeURIComponent('<b>==HYPERLINK("x")')}`, [eventId(500)]],
      ['text=alert(2)', [eventId(500)]],
      [`value=${encodeURIComponent('<script>alert(1)</script>\u202e')}`, [eventId(500)]],
      ['tag=staging&value=50000000', []],
      [`tag=staging&rule=${ruleId}&configured=fail&dry_run=yes`, both],
      ['tag=staging&dry_run=no', []],
      ['tag=staging&since=2020-01-01&until=2020-01-02', []],
      [`tag=staging&since=${new Date(nowMs - 3_600_000).toISOString().slice(0, 16)}`, both],
    ]
    for (const [query, ids] of rows) {
      const { status, text } = await viewer.get(`/events?within=24h&${query}`)
      assert.equal(status, 200, query)
      assert.deepEqual(idsIn(text), ids, query)
    }
  })

  it('finds a value of a field, and exports what it found', async () => {
    const search = `path=${encodeURIComponent('layers[0].bytes')}&value=5e7&tag=production`
    const { text } = await viewer.get(`/events?${search}`)
    assert.equal(idsIn(text).length, 50)
    assert.ok(text.includes('name="value" value="5e7"'))
    const links = [...text.matchAll(/href="(\/events\/export[^"]+)"/g)].map(match => match[1]!.replaceAll('&amp;', '&'))
    for (const link of links)
      assert.equal((await viewer.get(link)).text.trimEnd().split('\n').length >= 120, true, link)
    assert.equal(links.length, 2)
    assert.equal((await viewer.get('/events/export?format=csv&value=4e7')).text.trimEnd().split('\n').length, 1)
    assert.equal((await viewer.get(`/events/export?format=csv&value=${'x'.repeat(4097)}`)).status, 400)
  })

  it('says in the list of rules how often each matched in the last 24 hours, with those events', async () => {
    const { text } = await viewer.get('/')
    assert.ok(text.includes('Matches in 24 h'))
    const [, link, count] = /href="(\/events\?rule=[^"]+)">([\d,]+)</.exec(text)!
    assert.equal(count, '122')
    assert.equal(idsIn((await viewer.get(link!.replaceAll('&amp;', '&'))).text)[0], eventId(501))
  })

  it('shows an admin what is set for keeping events, and the last run', async () => {
    const admin = await ui.signIn('root', 'admin')
    assert.ok((await admin.get('/retention')).text.includes('tk-sensor-api has not run on this database yet'))
    await ui.store.events.noteRetention({ keepMs: 720 * 3_600_000, maxBytes: 0, byAge: 1234, bySize: 0 })
    const { text } = await admin.get('/retention')
    assert.ok(text.includes('720h0m0s (30 days)'))
    assert.ok(text.includes('no bound but the volume'))
    assert.match(text, /1,234 by age, 0 by size, <time/)
    assert.match(text, /Events now<\/dt><dd>122, about/)
    assert.ok((await admin.get('/events')).text.includes('href="/retention"'))
    assert.equal((await viewer.get('/retention')).status, 403)
  })

  it('has an admin delete what a search finds, and nobody else; both ends are in the audit log', async () => {
    const admin = await ui.signIn('root', 'admin')
    const doomed = Array.from({ length: 60 }, (_, n) => event(600 + n))
    await ui.store.events.append(eventBatch(doomed, { tags: ['doomed'] }))
    const link = /href="(\/events\/delete[^"]+)"/.exec((await admin.get('/events?tag=doomed')).text)![1]!
    const asked = await admin.get(link.replaceAll('&amp;', '&'))
    assert.match(asked.text, /More than 50 events are like that/)
    const query = /name="query" value="([^"]+)"/.exec(asked.text)![1]!.replaceAll('&amp;', '&')
    assert.match(query, /^since=.+&until=.+&tag=doomed$/)
    const late = event(700, { receivedAtMs: Date.now() + 1000 })
    await ui.store.events.append(eventBatch([late], { tags: ['doomed'] }))
    for (const [form, message] of [
      [{ query }, /Say that these events may go/],
      [{ query: 'tag=doomed', sure: 'yes' }, /`since` and `until` must be set/],
      [{ query: 'since=x', sure: 'yes' }, /`since` must be a time/],
    ] as const) {
      const { status, text } = await admin.post('/events/delete', form)
      assert.deepEqual([status, message.test(text)], [400, true], `${message}: ${text}`)
    }
    for (const [name, role] of [
      ['vera', 'viewer'],
      ['eddie', 'editor'],
    ] as const) {
      const other = await ui.signIn(name, role)
      assert.ok(!(await other.get('/events?tag=doomed')).text.includes('/events/delete'))
      assert.equal((await other.get(`/events/delete?${query}`)).status, 403)
      assert.equal((await other.post('/events/delete', { query, sure: 'yes' })).status, 403)
    }
    const { status, text } = await admin.post('/events/delete', { query, sure: 'yes' })
    assert.equal(status, 200)
    assert.ok(text.includes('60 events are deleted.'))
    assert.deepEqual(idsIn((await admin.get('/events?tag=doomed&until=2100-01-01&since=2020-01-01')).text), [
      eventId(700),
    ])
    const audit = (await admin.get('/audit?action=events.delete')).text
    assert.match(audit, /&quot;deleted&quot;: 60/)
    assert.match(audit, /&quot;tag&quot;: &quot;doomed&quot;/)
  })

  it('shows before a deletion just the conditions that delete, and refuses what a search would pass over', async () => {
    const admin = await ui.signIn('root', 'admin')
    // As the form of a search sends it: with the fields that nobody filled in.
    const { text: found } = await admin.get('/events?within=24h&rule=&action=&tag=staging&path=&since=&kind=')
    const link = /href="(\/events\/delete[^"]+)"/.exec(found)![1]!.replaceAll('&amp;', '&')
    assert.equal(link, '/events/delete?within=24h&tag=staging')
    const { status, text } = await admin.get(link)
    assert.equal(status, 200)
    assert.match(text, /2 events are like that/)
    assert.deepEqual(
      [...text.matchAll(/<dt><code>(\w+)<\/code><\/dt>/g)].map(([, name]) => name),
      ['since', 'until', 'tag'],
    )
    const times = 'since=2020-01-01&until=2100-01-01'
    for (const [query, message] of [
      ['rule_id=x', /&quot;rule_id&quot; is no condition of a search/],
      ['tagg=staging', /&quot;tagg&quot; is no condition of a search/],
      ['tag=staging&tag=production', /`tag` must be there once, got it 2 times/],
      ['tag=%20', /`tag` must be left out, or not be blank/],
    ] as const) {
      const asked = await admin.get(`/events/delete?within=30d&${query}`)
      assert.deepEqual([asked.status, message.test(asked.text)], [400, true], query)
      assert.ok(!asked.text.includes('name="sure"'), query)
      const sent = await admin.post('/events/delete', { query: `${times}&${query}`, sure: 'yes' })
      assert.deepEqual([sent.status, message.test(sent.text)], [400, true], query)
    }
    assert.equal(idsIn((await viewer.get('/events?within=24h&tag=staging')).text).length, 2)
  })

  it('names the field that is wrong, and keeps what was typed', async () => {
    for (const [query, message] of [
      ['since=yesterday', /`since` must be a time/],
      ['action=explode', /`action` must be one of/],
      ['path=a[', /`path` must be a path/],
      [`value=${'x'.repeat(4097)}`, /`value` must be at most 4096 characters/],
      ['metadata=novalue', /`metadata` must be &#39;key=value&#39;/],
      ['since=2026-01-02&until=2026-01-01', /`since` must be before `until`/],
      ['cursor=zzz', /`cursor` must be/],
    ] as const) {
      const { status, text } = await viewer.get(`/events?text=kept&${query}`)
      assert.equal(status, 400, query)
      assert.match(text, message)
      assert.ok(text.includes('name="text" value="kept"'), query)
    }
  })

  it('shows an event with its record, the version of its rule, and why it matched', async () => {
    const { text } = await viewer.get(`/events/${eventId(500)}`)
    assert.ok(text.includes('Huge &lt;i&gt;image&lt;/i&gt; <span class="soft">v1</span>'))
    assert.ok(text.includes('dry run: would have failed'))
    assert.ok(text.includes('[&quot;x.y&quot;][3]'))
    assert.ok(text.includes('12345678901234567890'), 'no number is rounded')
    assert.ok(!text.includes('<script>alert'))
    assert.ok(text.includes('href="https://pulls.example/pulls/..%2Fx%22"'))
    assert.ok(!text.includes('/playground'), 'a viewer is offered nothing that is refused')
    const editor = await ui.signIn('eddie', 'editor')
    const link = /href="(\/playground[^"]+)"/.exec((await editor.get(`/events/${eventId(3)}`)).text)![1]!
    assert.equal((await editor.get(link)).status, 200)
    const record = await viewer.get(`/events/${eventId(500)}/record.json`)
    assert.equal(JSON.parse(record.text).a, '<script>alert(2)</script>')
    assert.match(record.headers.get('content-disposition')!, /^attachment; filename="[0-9a-f-]+\.json"$/)
    assert.match((await viewer.get(`/events/${eventId(501)}`)).text, /The sensor left it out/)
    assert.equal((await viewer.get(`/events/${eventId(999)}`)).status, 404)
    assert.equal((await viewer.get('/events/..%2f..%2fetc')).status, 404)
  })

  it('exports as JSONL what the search finds, with numbers as they came', async () => {
    const { text, headers } = await viewer.get('/events/export?format=jsonl&within=24h')
    const lines = text.trimEnd().split('\n')
    assert.equal(lines.length, 122)
    assert.match(headers.get('content-type')!, /^application\/x-ndjson/)
    const hostile = lines.find(line => line.includes(eventId(500)))!
    assert.ok(hostile.includes('"n":12345678901234567890'))
    const parsed = JSON.parse(hostile)
    assert.deepEqual(
      [parsed.matched_field, parsed.rule_name, parsed.dry_run],
      ['["x.y"][3]', 'Huge <i>image</i>', true],
    )
  })

  it('exports as CSV without formulas', async () => {
    const { text } = await viewer.get('/events/export?format=csv&within=24h&tag=staging')
    const [head, ...lines] = text.trimEnd().split('\r\n')
    assert.match(head!, /^event_id,received_at,client_timestamp,rule_id/)
    assert.equal(lines.length, 2)
    assert.ok(text.includes(`,'@SUM(A1) staging,`))
    assert.ok(!/(^|,)"?[=+@]/m.test(text))
    assert.equal((await viewer.get('/events/export?format=xls')).status, 400)
  })
})
