import type { Page } from 'playwright-core'
import type { Row } from '../../server/pulltrace/pages/live/row.ts'
import type { Stop } from '../lateness.ts'
import type { Shown } from './lag.ts'

/** Runs in the page, and reads what it shows there, not what its script holds. */
const script = `(() => {
  const number = (row, name) => Number.parseFloat(row.querySelector(name)?.getAttribute('width') ?? 'NaN')
  const text = (row, name) => row.querySelector('[data-slot="' + name + '"]').textContent
  const progress = row => ({
    id: row.dataset.id,
    phase: text(row, 'phase'),
    downloaded: number(row, '.down'),
    unpacked: number(row, '.unpacked'),
  })
  const log = []
  const note = rows => {
    const atMs = Date.now()
    for (const row of rows) log.push({ ...progress(row), atMs })
  }
  const groups = document.querySelector('#groups')
  note(groups.querySelectorAll('.pull'))
  new MutationObserver(records => {
    const rows = new Set()
    for (const { target, addedNodes } of records) {
      const row = (target.nodeType === 1 ? target : target.parentElement)?.closest('.pull')
      if (row) rows.add(row)
      for (const node of addedNodes) {
        if (node.nodeType !== 1) continue
        if (node.matches('.pull')) rows.add(node)
        for (const row of node.querySelectorAll('.pull')) rows.add(row)
      }
    }
    note([...rows].filter(row => row.isConnected))
  }).observe(groups, { subtree: true, childList: true, characterData: true, attributes: true })
  // How late a timer of this page comes: what the machine does to it, and not the server.
  const stops = []
  let dueMs = Date.now() + 20
  setInterval(() => {
    const nowMs = Date.now()
    if (nowMs - dueMs > 20) stops.push({ fromMs: dueMs, untilMs: nowMs })
    dueMs = nowMs + 20
  }, 20)
  const texts = ['lead', 'name', 'node', 'phase', 'size', 'rate', 'eta', 'note', 'pods', 'violations']
  const rows = () => [...groups.querySelectorAll('.pull')].map(row => ({
    ...Object.fromEntries(texts.map(name => [name, text(row, name)])),
    ...progress(row),
    mood: row.dataset.mood,
    cached: number(row, '.cached'),
    spoken: row.querySelector('[data-slot="bar"]').getAttribute('aria-label'),
  }))
  globalThis.shown = { log, rows, stops }
})()`

export interface ShownRows {
  /** Each state of each row since the beginning, in order. */
  log(): Promise<Shown[]>
  /** All rows as they are now. */
  rows(): Promise<Row[]>
  /** When timers of the page came late. */
  stops(): Promise<Stop[]>
}

/** Watches the rows of a page of live pulls from now on, by an observer of its document. A reload would end it. */
export async function watchRows(page: Page): Promise<ShownRows> {
  await page.evaluate(script)
  return {
    log: () => page.evaluate('shown.log'),
    rows: () => page.evaluate('shown.rows()'),
    stops: () => page.evaluate('shown.stops'),
  }
}
