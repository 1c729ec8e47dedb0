import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { TkStore } from '../../store/tk-store.ts'
import type { Answer, PageRequest, Route } from '../route.ts'
import { deleteRoutes } from './delete-routes.ts'
import { eventPage } from './event-page.ts'
import { parseEventQuery } from './event-query.ts'
import { eventsPage } from './events-page.ts'
import { eachEvent, exported, formats } from './export.ts'
import { retentionPage } from './retention-page.ts'

const pageSize = 50
/** Of an export: records may be large, and others search meanwhile. */
const exportedAtOnce = 500

export function eventRoutes(
  { events, rules }: Pick<TkStore, 'events' | 'rules'>,
  clock: Pick<Clock, 'now'>,
  pullsUrl: string | undefined,
): readonly Route[] {
  async function list({ query, may }: PageRequest): Promise<Answer> {
    const known = await rules.list()
    try {
      const filter = parseEventQuery(query, clock.now())
      const found = await events.search(filter, pageSize, query.get('cursor') || undefined)
      return { page: eventsPage({ query, rules: known, found, filter, mayDelete: may('admin') }) }
    } catch (reason) {
      const fault = PulltraceError.from(reason)
      if (fault.code !== Code.Invalid && fault.code !== Code.Timeout) throw fault
      // A search that takes too long is mended as a wrong one is: in the same form.
      return { page: eventsPage({ query, rules: known, fault }), status: 400 }
    }
  }

  async function download({ query, signal }: PageRequest): Promise<Answer> {
    const format = formats.find(each => each === query.get('format'))
    if (format === undefined) {
      const bound = `one of ${formats.join(', ')}`
      const details = { path: 'format', bound, seen: seenOf(query.get('format')) }
      throw new PulltraceError(Code.Invalid, `\`format\` must be ${bound}`, details)
    }
    const filter = parseEventQuery(query, clock.now())
    // What is wrong shows before the first byte is sent.
    const first = await events.search(filter, exportedAtOnce)
    const pages = eachEvent(first, cursor => events.search(filter, exportedAtOnce, cursor), signal)
    const type = format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson'
    return { file: exported(format, pages), type, name: `events.${format}` }
  }

  async function find(id: string) {
    const event = await events.get(id)
    if (event !== undefined) return event
    throw new PulltraceError(Code.NotFound, `there is no event ${seenOf(id)}`, {
      fix: 'it may be older than what is kept',
    })
  }

  return [
    { method: 'GET', path: '/events', role: 'viewer', handle: list },
    { method: 'GET', path: '/events/export', role: 'viewer', handle: download },
    ...deleteRoutes({ events, clock }),
    {
      method: 'GET',
      path: '/retention',
      role: 'admin',
      async handle() {
        const [retention, size] = await Promise.all([events.retention(), events.size()])
        return { page: retentionPage({ retention, size }) }
      },
    },
    {
      method: 'GET',
      path: '/events/:id',
      role: 'viewer',
      async handle({ params, may }) {
        const event = await find(params['id']!)
        const versions = await rules.versions(event.ruleId)
        const version = versions.find(({ rule }) => rule.version === event.ruleVersion)
        return { page: eventPage({ event, version, pullsUrl, mayEdit: may('editor') }) }
      },
    },
    {
      method: 'GET',
      path: '/events/:id/record.json',
      role: 'viewer',
      async handle({ params }) {
        const { eventId, recordJson } = await find(params['id']!)
        if (recordJson === undefined) throw new PulltraceError(Code.NotFound, 'the event came without its record')
        return { file: one(recordJson), type: 'application/json', name: `${eventId}.json` }
      },
    },
  ]
}

async function* one(text: string): AsyncGenerator<string> {
  yield text
}
