import { type HistoryGroup, HistoryList, type HistorySummary, HistorySummaryList } from '../../core/contract/api.ts'
import { isDemoNode } from '../../core/contract/demo.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { type Validator, validatorOf } from '../../core/contract/schema.ts'
import { formatBytes, formatRate, formatSeconds, formatTook } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { type Api, getJson } from '../api.ts'
import { failureTexts, tookSeconds } from '../watch/describe-pull.ts'
import { cut, imageName } from '../watch/image-name.ts'
import { type Column, tableLines } from './table.ts'

/** Filters of the server by their names in the query. */
export type HistoryQuery = Readonly<Record<string, string | undefined>>

/** Most items that one call of `pulltrace history` shows. */
export const maxLimit = 1_000_000

/** What to say when `limit` left some out. */
export const moreText = (limit: number) =>
  `there are more${limit < maxLimit ? `; --limit ${Math.min(limit * 10, maxLimit)} shows them` : ''}`

/** Most items that one answer of the server holds. */
const pageSize = 500

const pulls = validatorOf('answer', HistoryList)
const summaries = validatorOf('answer', HistorySummaryList)

interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

/** Items of as many pages as `limit` asks for, and whether there would be more. */
async function fetchAll<T>(
  api: Api,
  query: HistoryQuery,
  limit: number,
  validator: Validator<Page<T>>,
  signal: AbortSignal,
) {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const search = new URLSearchParams({ limit: String(Math.min(pageSize, limit - items.length)) })
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, value)
    if (cursor !== null) search.set('cursor', cursor)
    const page: Page<T> = await getJson(api, `/api/v1/history?${search}`, validator, signal)
    items.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null && items.length < limit)
  return { items: items.slice(0, limit), more: cursor !== null || items.length > limit }
}

export const fetchHistory = (api: Api, query: HistoryQuery, limit: number, signal: AbortSignal) =>
  fetchAll<Pull>(api, query, limit, pulls, signal)

export const fetchSummary = (api: Api, query: HistoryQuery, limit: number, signal: AbortSignal) =>
  fetchAll<HistorySummary>(api, query, limit, summaries, signal)

/** Whether pulls that were made up are among what these sums are of; only sums by node tell it by themselves. */
export async function sumsOfDemo(
  api: Api,
  query: HistoryQuery,
  items: readonly HistorySummary[],
  signal: AbortSignal,
): Promise<boolean> {
  if (items.length === 0) return false
  const byNode =
    query['groupBy'] === 'node'
      ? items
      : (await fetchSummary(api, { ...query, groupBy: 'node' }, pageSize, signal)).items
  return byNode.some(({ key }) => isDemoNode(key))
}

/** Newest end first, as the server sends it. */
export function historyTable(items: readonly Pull[], width: number, nowMs: number): string[] {
  const columns: Column<Pull>[] = [
    { title: 'ENDED', text: pull => agoOf(pull, nowMs), keep: 5 },
    { title: 'RESULT', text: pull => pull.phase },
    { title: 'TOOK', text: tookOf, right: true, keep: 6 },
    {
      title: 'SIZE',
      text: pull => (pull.totalBytes === undefined ? '' : formatBytes(pull.totalBytes)),
      right: true,
      keep: 4,
    },
    {
      title: 'RATE',
      text: pull => (pull.bytesPerSec === undefined ? '' : formatRate(pull.bytesPerSec)),
      right: true,
      keep: 1,
    },
    { title: 'CACHED', text: cachedOf, right: true, keep: 2 },
    { title: 'IMAGE', text: (pull, width) => imageName(pull.imageRef, Math.min(width, 400)), shrinksTo: 16 },
    {
      title: 'NODE',
      text: (pull, width) => cut(harmless(pull.nodeName), Math.min(width, 260)),
      shrinksTo: 10,
      keep: 3,
    },
    { title: 'REASON', text: reasonOf, shrinksTo: 12, keep: 7 },
  ]
  const used = columns.filter(({ title, text }) => title !== 'REASON' || items.some(item => text(item, 99) !== ''))
  const demo = items.some(({ nodeName }) => isDemoNode(nodeName))
  return [...demoLines(demo, width), ...tableLines(used, items, width)]
}

const demoLines = (demo: boolean, width: number) =>
  demo ? [cut('DEMO DATA: pulls on nodes named demo-data-… were made up.', width)] : []

const agoOf = ({ completedAt }: Pull, nowMs: number) =>
  completedAt === undefined ? '' : `${formatSeconds((nowMs - Date.parse(completedAt)) / 1000)} ago`

function tookOf(pull: Pull): string {
  const seconds = tookSeconds(pull)
  return seconds === undefined ? '' : formatTook(seconds)
}

function cachedOf({ cachedBytes, totalBytes = 0 }: Pull): string {
  return totalBytes === 0 ? '' : `${Math.floor((100 * cachedBytes) / totalBytes)}%`
}

function reasonOf(pull: Pull, width: number): string {
  if (pull.phase !== 'failed') return ''
  const texts = failureTexts(pull)
    .map(text => text.replace(/^failed:? ?/, ''))
    .filter(Boolean)
  return texts.find(text => text.length <= width) ?? texts.at(-1) ?? ''
}

/** Sums by image, node or registry; `demo`: pulls that were made up are in them. */
export function summaryTable(
  group: HistoryGroup,
  items: readonly HistorySummary[],
  width: number,
  demo: boolean,
): string[] {
  const key = (text: string, width: number) =>
    group === 'image' ? imageName(text, Math.min(width, 400)) : cut(harmless(text), Math.min(width, 400))
  const seconds = (value: number | null) => (value === null ? '' : formatTook(value))
  const columns: Column<HistorySummary>[] = [
    { title: group.toUpperCase(), text: (row, width) => key(row.key, width), shrinksTo: 16 },
    { title: 'PULLS', text: row => String(row.count), right: true },
    { title: 'FAILED', text: row => String(row.failed), right: true },
    { title: 'P50', text: row => seconds(row.p50Seconds), right: true, keep: 3 },
    { title: 'P95', text: row => seconds(row.p95Seconds), right: true, keep: 4 },
    { title: 'SIZE', text: row => formatBytes(row.bytes), right: true, keep: 2 },
    {
      title: 'CACHED',
      text: row => (row.bytes === 0 ? '' : `${Math.floor((100 * row.cachedBytes) / row.bytes)}%`),
      right: true,
      keep: 1,
    },
  ]
  return [...demoLines(demo, width), ...tableLines(columns, items, width)]
}
