import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { EventFilter, EventsStore } from '../../store/events-store.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { type DeleteView, deletePage, maxDeleted } from './delete-page.ts'
import { parseWholeQuery } from './event-query.ts'

/** Looked at to say how many would go. */
const shownOfMany = 50

export interface DeleteParts {
  readonly events: Pick<EventsStore, 'search' | 'deleteFound'>
  readonly clock: Pick<Clock, 'now'>
}

/** Deleting what a search finds. */
export function deleteRoutes({ events, clock }: DeleteParts): readonly Route[] {
  /** What would be deleted is looked for once: a search that took too long is not begun again. */
  async function look(view: Omit<DeleteView, 'found'>, filter: EventFilter): Promise<Answer> {
    const found = await events.search(filter, shownOfMany)
    return { page: deletePage({ ...view, filter, found }), status: view.fault === undefined ? 200 : 400 }
  }

  const refused = (view: DeleteView, reason: unknown): Answer => ({
    page: deletePage({ ...view, fault: faultOf(reason) }),
    status: 400,
  })

  async function ask({ query: asked, csrf }: PageRequest): Promise<Answer> {
    let filter: EventFilter | undefined
    try {
      filter = parseWholeQuery(asked, clock.now())
      return await look({ asked, csrf }, filter)
    } catch (reason) {
      return refused({ asked, csrf, filter }, reason)
    }
  }

  async function send({ form, csrf, actor, signal }: PageRequest): Promise<Answer> {
    const asked = new URLSearchParams(form.get('query') ?? '')
    let filter: EventFilter | undefined
    try {
      filter = wholeFilter(asked, clock.now())
      if (form.get('sure') !== 'yes') {
        return await look({ asked, csrf, fault: missing('sure', 'say that these events may go') }, filter)
      }
      const done = await events.deleteFound(filter, maxDeleted, actor, signal)
      return { page: deletePage({ asked, csrf, filter, done }) }
    } catch (reason) {
      return refused({ asked, csrf, filter }, reason)
    }
  }

  return [
    { method: 'GET', path: '/events/delete', role: 'admin', handle: ask },
    { method: 'POST', path: '/events/delete', role: 'admin', handle: send },
  ]
}

/** As the page that was looked at said it: a form without its times must not mean the last hour. */
function wholeFilter(query: URLSearchParams, nowMs: number): EventFilter {
  const filter = parseWholeQuery(query, nowMs)
  if (query.has('since') && query.has('until')) return filter
  throw missing('query', '`since` and `until` must be set')
}

const missing = (path: string, message: string) => new PulltraceError(Code.Invalid, message, { path })

/** What the form can mend; anything else is an error of the page. */
function faultOf(reason: unknown): PulltraceError {
  const fault = PulltraceError.from(reason)
  if (fault.code !== Code.Invalid && fault.code !== Code.Timeout) throw fault
  return fault
}
