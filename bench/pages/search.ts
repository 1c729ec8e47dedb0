import path from 'node:path'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import type { TkStore } from '../../server/store/tk-store.ts'
import { parseEventQuery } from '../../server/web-ui/events/event-query.ts'
import { hashPassword } from '../../server/web-ui/people/password.ts'
import { Browser } from '../../test/web-ui/browser.fake.ts'
import { benchRules, EventLoad, receiveNow } from '../event-load.ts'
import { percentile } from '../measure.ts'
import type { Shipped } from './shipped.ts'

const sensors = 10
const password = 'correct horse battery'

export interface SearchCost {
  readonly name: string
  /** Of the page, from the request to its last byte. Milliseconds. */
  readonly p50Ms: number
  readonly p95Ms: number
  /** Of the same search in the store alone, without HTTP and page. Milliseconds. */
  readonly storeP95Ms: number
}

interface Search {
  readonly name: string
  readonly query: Readonly<Record<string, string>>
  /** Those that read everything are asked less often. */
  readonly slow?: true
}

export interface SearchParts {
  readonly shipped: Shipped
  /** Events that are stored. */
  readonly rows: number
  readonly searches: number
  /** Is told what is measured next. */
  readonly note: (what: string) => void
}

/** What a search for events costs through the events page, at random times of `rows` stored events. */
export async function measureSearches({ shipped, rows, searches, note }: SearchParts): Promise<SearchCost[]> {
  const file = path.join(shipped.folder, 'tk.db')
  const store = openSqliteTk({ file, clock: systemClock, log: silentLogger })
  try {
    note(`storing ${rows} events`)
    const made = await fill(store, rows)
    await store.users.create(
      { name: 'bench', role: 'viewer', passwordHash: await hashPassword(password), mustChangePassword: false },
      { name: 'system' },
    )
    await using ui = await shipped.start('tk-web-ui', {
      ...{ TK_HTTP_ADDR: '127.0.0.1:0', TK_UI_METRICS_ADDR: '127.0.0.1:0', TK_DATABASE_URL: file },
    })
    const reader = new Browser(ui.url)
    await reader.signIn('bench', password)
    const costs: SearchCost[] = []
    for (const search of searchesOf(made)) {
      note(`searching for ${search.name}`)
      costs.push(await measure(store, reader, search, made, search.slow ? Math.min(5, searches) : searches))
    }
    return costs
  } finally {
    await store.close()
  }
}

interface Filled {
  readonly ruleIds: readonly string[]
  readonly sensorId: string
  readonly firstMs: number
  readonly lastMs: number
}

async function fill(store: TkStore, rows: number): Promise<Filled> {
  const contents = benchRules(100).map(content => ({ kind: 'create', content }) as const)
  const rules = await store.rules.change(contents, { name: 'bench' })
  const ruleIds = rules.map(rule => rule!.rule_id)
  const loads = Array.from({ length: sensors }, (_, number) => new EventLoad(number, ruleIds))
  const firstMs = Date.now()
  let stored = 0
  const send = async (load: EventLoad) => {
    while (stored < rows) {
      const batch = load.batch()
      stored += batch.events.length
      await store.events.append(receiveNow(batch))
    }
  }
  await Promise.all(loads.map(send))
  return { ruleIds, sensorId: loads[3]!.sensorId, firstMs, lastMs: Date.now() }
}

function searchesOf({ ruleIds, sensorId }: Filled): readonly Search[] {
  return [
    { name: 'everything', query: {} },
    { name: 'a rule', query: { rule: ruleIds[7]! } },
    { name: 'an action', query: { action: 'fail' } },
    { name: 'a tag', query: { tag: 'zone:4' } },
    { name: 'a matched field', query: { path: 'layers[77].bytes' } },
    { name: 'a value', query: { value: '4077' } },
    { name: 'a pair of metadata', query: { metadata: 'hostname=db2' } },
    {
      name: 'a rule, a sensor and a field',
      query: { rule: ruleIds[7]!, sensor: sensorId, path: 'layers[107].bytes' },
    },
    { name: 'a text that is common', query: { text: '"repository":"team/app-77"' } },
    { name: 'a text that is nowhere', query: { text: 'nowhere' }, slow: true },
  ]
}

async function measure(
  store: TkStore,
  reader: Browser,
  { name, query }: Search,
  { firstMs, lastMs }: Filled,
  searches: number,
): Promise<SearchCost> {
  const [pageMs, storeMs]: [number[], number[]] = [[], []]
  for (let search = 0; search <= searches; search++) {
    const until = new Date(firstMs + Math.ceil((0.5 + Math.random() / 2) * (lastMs - firstMs))).toISOString()
    const asked = new URLSearchParams({ within: '24h', until, ...query })
    const filter = parseEventQuery(asked, Date.now())
    const startMs = performance.now()
    await store.events.search(filter, 50)
    const betweenMs = performance.now()
    const answer = await reader.get(`/events?${asked}`)
    if (answer.status !== 200) throw new Error(`${name}: answered ${answer.status}`)
    // The first of each warms up what the others find warm.
    if (search === 0) continue
    storeMs.push(betweenMs - startMs)
    pageMs.push(performance.now() - betweenMs)
  }
  return {
    name,
    p50Ms: percentile(pageMs, 0.5),
    p95Ms: percentile(pageMs, 0.95),
    storeP95Ms: percentile(storeMs, 0.95),
  }
}
