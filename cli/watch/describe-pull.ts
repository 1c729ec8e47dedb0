import { plainErrors } from '../../core/contract/plain-errors.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { formatBytes, formatRate, formatSeconds, formatTook } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import type { SeenPull } from './watch-view.ts'

/** Why a pull failed, from the longest text to the shortest. */
export function failureTexts({ error, errorCode }: Pull): string[] {
  const plain = errorCode === undefined || errorCode === 'Unknown' ? undefined : plainErrors[errorCode]
  const raw = error === undefined || error === '' ? undefined : harmless(error)
  if (plain === undefined) return [`failed: ${raw ?? plainErrors.Unknown}`, 'failed']
  return [
    ...(raw === undefined ? [] : [`failed: ${plain} (${raw})`]),
    `failed: ${plain}`,
    plain,
    `failed: ${errorCode}`,
    'failed',
  ]
}

/** What a finished pull took, from the longest text to the shortest: size, time, average rate, cached share. */
export function summaryTexts(pull: Pull): string[] {
  const size = formatBytes(pull.totalBytes ?? pull.downloadedBytes)
  const seconds = tookSeconds(pull)
  const took = seconds === undefined ? '' : ` in ${formatTook(seconds)}`
  const total = pull.totalBytes ?? 0
  const allCached = total > 0 && pull.cachedBytes >= total
  const cached = pull.cachedBytes > 0 ? `${Math.floor((100 * pull.cachedBytes) / Math.max(total, 1))}% cached` : ''
  if (allCached)
    return [`done: ${size}, all of it cached${took}`, `done: all cached${took}`, 'done: all cached', 'done']
  const rate = pull.bytesPerSec === undefined ? '' : formatRate(pull.bytesPerSec)
  return [
    `done: ${[`${size}${took}`, rate, cached].filter(Boolean).join(', ')}`,
    `done: ${[`${size}${took}`, rate].filter(Boolean).join(', ')}`,
    `done: ${size}${took}`,
    `${size}${took}`,
    `done: ${size}`,
    'done',
  ]
}

/** Which rules a pull breaks, as the end of a sentence about it; undefined when it breaks none. */
export function breaksText({ violations = [] }: Pull): string | undefined {
  return violations.length === 0
    ? undefined
    : `breaks ${violations.map(({ name }) => `'${harmless(name)}'`).join(', ')}`
}

/** By the clock of the node; undefined while it runs. */
export function tookSeconds({ startedAt, completedAt }: Pull): number | undefined {
  return completedAt === undefined ? undefined : (Date.parse(completedAt) - Date.parse(startedAt)) / 1000
}

/** Until downloaded, counted down since the server said it. */
export function etaSeconds({ pull, seenAtMs }: SeenPull, nowMs: number): number | undefined {
  return pull.etaSeconds === undefined ? undefined : Math.max(0, pull.etaSeconds - (nowMs - seenAtMs) / 1000)
}

/** `stalled 32s` and its like, or undefined while all is well. */
export function troubleOf({ pull, seenAtMs, sentAtMs, missingSinceMs }: SeenPull, nowMs: number): string | undefined {
  if (missingSinceMs !== undefined) return 'no news yet'
  if (pull.stale) return 'node silent'
  if (pull.stalledSince === undefined) return undefined
  const seconds = (sentAtMs - Date.parse(pull.stalledSince) + nowMs - seenAtMs) / 1000
  return `stalled ${formatSeconds(seconds)}`
}
