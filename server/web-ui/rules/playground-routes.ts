import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { formatPath } from '../../../core/rules/path.ts'
import { contentOf, type Rule } from '../../../core/rules/rule.ts'
import type { FoundEvent } from '../../store/events-store.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { backtest } from './backtest.ts'
import { backtestView } from './backtest-view.ts'
import { tryRecord } from './edit-routes.ts'
import { areaField } from './field-view.ts'
import { maxFormBytes, type RuleParts, rulePath, storedRule } from './rule-parts.ts'

/** Events that are offered to be tried, and how far back they may be. */
const recentEvents = 8
const recentMs = 24 * 3_600_000

/** Trying stored rules on records: on one that is typed or stored, or on the newest events. Nothing is changed by it. */
export function playgroundRoutes(parts: RuleParts): readonly Route[] {
  const { store, clock } = parts

  async function show(request: PageRequest): Promise<Answer> {
    const { query } = request
    const event = query.has('event') ? await storedEvent(query.get('event')!) : undefined
    const record = prettyJson(event?.recordJson)
    const ruleId = query.get('rule') ?? event?.ruleId ?? ''
    const note =
      event &&
      html`<p class="notice">The record of event <a class="mono" href="/events/${event.eventId}">${event.eventId}</a>, received ${timeTag(event.receivedAtMs)}${event.ruleName !== undefined && html`; it matched <em>${event.ruleName}</em>`}.${event.recordJson === undefined && ' It was stored without its record.'}</p>`
    return page(request, ruleId, record, note, event?.recordJson !== undefined)
  }

  async function storedEvent(id: string) {
    const event = /^[0-9a-f-]{36}$/.test(id) ? await store.events.get(id) : undefined
    if (event) return event
    throw new PulltraceError(Code.NotFound, 'there is no such event; it may be older than events are kept', {
      seen: id.slice(0, 80),
    })
  }

  const send = (request: PageRequest): Promise<Answer> =>
    page(
      request,
      request.form.get('rule') ?? '',
      (request.form.get('record') ?? '').replaceAll('\r\n', '\n'),
      undefined,
      true,
    )

  async function page(
    { csrf }: PageRequest,
    ruleId: string,
    record: string,
    note: Content,
    isTried: boolean,
  ): Promise<Answer> {
    const rules = (await store.rules.list()).toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
    const rule = rules.find(({ rule_id }) => rule_id === ruleId)
    const missing = html`<p class="notice warn" role="alert">Choose a rule to try.</p>`
    const nowMs = clock.now()
    const filter = { sinceMs: nowMs - recentMs, untilMs: nowMs + 1, ruleId: rule?.rule_id }
    // Only offered: what was typed must not be lost because looking for them failed or took too long.
    const found = store.events.search(filter, recentEvents).catch(() => ({ items: [] }))
    const { items: recent } = await found
    const result = isTried && rules.length > 0 && (rule ? tryRecord(contentOf(rule), record) : missing)
    return {
      page: {
        title: 'Playground',
        current: '/playground',
        body: playgroundBody({ csrf, rules, rule, record, recent, note, result }),
      },
    }
  }

  async function showBacktest(request: PageRequest): Promise<Answer> {
    const rule = await storedRule(parts, request)
    const report = await backtest(contentOf(rule), { events: store.events, clock, signal: request.signal })
    const title = `Backtest of ${rule.name}`
    const body = html`<h1>${title}</h1><p><a href="${rulePath(rule.rule_id)}">To the rule</a></p>${backtestView(report, rule.rule_id)}`
    return { page: { title, current: '/', body } }
  }

  return [
    { method: 'GET', path: '/playground', role: 'editor', handle: show },
    { method: 'POST', path: '/playground', role: 'editor', maxFormBytes, handle: send },
    { method: 'GET', path: '/rules/:id/backtest', role: 'editor', handle: showBacktest },
  ]
}

interface PlaygroundView {
  readonly csrf: Html
  readonly rules: readonly Rule[]
  readonly rule: Rule | undefined
  readonly record: string
  /** Newest first, of the chosen rule. */
  readonly recent: readonly FoundEvent[]
  readonly note: Content
  readonly result: Content
}

function playgroundBody({ csrf, rules, rule, record, recent, note, result }: PlaygroundView): Html {
  if (rules.length === 0) {
    return html`<h1>Playground</h1><section class="empty"><p>There is no rule to try yet.</p><p><a class="button primary" href="/rules/new">Make the first rule</a></p></section>`
  }
  return html`<h1>Playground</h1>
<p>What a rule makes of a record, condition by condition. Nothing is stored, and no sensor hears of it.</p>
${note}
${takeRecent(recent, rule)}
<form method="post" action="/playground">${csrf}
<div class="field"><label for="rule">Rule</label><select id="rule" name="rule">${!rule && html`<option value="" selected>(choose)</option>`}${rules.map(
    ({ rule_id, name, state }) =>
      html`<option value="${rule_id}"${rule_id === rule?.rule_id && html` selected`}>${name} (${state})</option>`,
  )}</select></div>
${areaField({ name: 'record', label: 'Record', hint: 'JSON.', faultsOf: () => [] }, record, 12)}
<p class="buttons"><button class="primary">Try it</button>${rule && html`<a class="button" href="${rulePath(rule.rule_id)}">To the rule</a>`}</p>
</form>
<div id="result">${result}</div>`
}

/** With the rule that is chosen: who tries a new version of it takes what the old one matched. */
function takeRecent(events: readonly FoundEvent[], rule: Rule | undefined): Html | false {
  const taken = events.filter(({ recordJson }) => recordJson !== undefined)
  if (taken.length === 0) return false
  return html`<details><summary>Take a recent event${rule && html` of <em>${rule.name}</em>`}</summary>
<ul>${taken.map(
    event =>
      html`<li><a href="/playground?event=${event.eventId}${rule && `&rule=${rule.rule_id}`}">${timeTag(event.receivedAtMs)}</a> ${event.ruleName ?? event.ruleId}: <code>${formatPath(event.matchedPath)}</code> ${event.matchedValueJson !== undefined && html`<span class="mono">${short(event.matchedValueJson)}</span>`}</li>\n`,
  )}</ul></details>`
}

const short = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

/** As it is, when it cannot be read, or when reading would change its digits. */
function prettyJson(text = ''): string {
  if (/\d{16}/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
