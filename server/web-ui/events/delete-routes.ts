import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { EventFilter, EventsStore } from '../../store/events-store.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { type DeleteView, deletePage, maxDeleted, notConditions } from './delete-page.ts'
import { parseEventQuery } from './event-query.ts'

/** Looked at to say how many would go. */
const shownOfMany = 50

export interface DeleteParts {
  readonly events: Pick<EventsStore, 'search' | 'deleteFound'>
  readonly clock: Pick<Clock, 'now'>
}

/** Deleting what a search finds. */
export function deleteRoutes({ events, clock }: DeleteParts): readonly Route[] {
  async function page(view: Omit<DeleteView, 'found'>, filter: EventFilter | undefined): Promise<Answer> {
    const status = view.fault === undefined ? 200 : 400
    if (filter === undefined) return { page: deletePage(view), status }
    try {
      return { page: deletePage({ ...view, found: await events.search(filter, shownOfMany) }), status }
    } catch (reason) {
      return { page: deletePage({ ...view, fault: faultOf(reason) }), status: 400 }
    }
  }

  async function ask({ query, csrf }: PageRequest): Promise<Answer> {
    try {
      const filter = parseEventQuery(query, clock.now())
      return await page({ query: fixed(query, filter), csrf }, filter)
    } catch (reason) {
      return page({ query, csrf, fault: faultOf(reason) }, undefined)
    }
  }

  async function send({ form, csrf, actor }: PageRequest): Promise<Answer> {
    const query = new URLSearchParams(form.get('query') ?? '')
    let filter: EventFilter | undefined
    try {
      filter = parseEventQuery(query, clock.now())
      // As the page that was looked at said it: a form without its times must not mean the last hour.
      if (!query.get('since') || !query.get('until')) throw missing('query', '`since` and `until` must be set')
      if (form.get('sure') !== 'yes') throw missing('sure', 'say that these events may go')
      const done = await events.deleteFound(filter, maxDeleted, actor)
      return await page({ query, csrf, done }, done.more ? filter : undefined)
    } catch (reason) {
      return page({ query, csrf, fault: faultOf(reason) }, filter)
    }
  }

  return [
    { method: 'GET', path: '/events/delete', role: 'admin', handle: ask },
    { method: 'POST', path: '/events/delete', role: 'admin', handle: send },
  ]
}

/** With times instead of a span that ends now: what is looked at is what goes. */
function fixed(query: URLSearchParams, { sinceMs, untilMs }: EventFilter): URLSearchParams {
  const iso = (ms: number) => new Date(ms).toISOString()
  const times = { since: iso(sinceMs), until: iso(untilMs) }
  const conditions = [...query].filter(
    ([name, value]) => value !== '' && !(name in times) && !notConditions.some(each => each === name),
  )
  return new URLSearchParams([...Object.entries(times), ...conditions])
}

const missing = (path: string, message: string) => new PulltraceError(Code.Invalid, message, { path })

/** What the form can mend; anything else is an error of the page. */
function faultOf(reason: unknown): PulltraceError {
  const fault = PulltraceError.from(reason)
  if (fault.code !== Code.Invalid && fault.code !== Code.Timeout) throw fault
  return fault
}
