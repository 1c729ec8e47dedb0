import { plainErrors } from '../../../../core/contract/plain-errors.ts'
import type { Pull } from '../../../../core/contract/pull.ts'
import {
  formatBytes,
  formatPercent,
  formatRate,
  formatSeconds,
  formatShare,
  formatTook,
} from '../../../../core/lib/format.ts'
import { harmless } from '../../../../core/lib/harmless.ts'

/** How a row looks. */
export type Mood = 'waiting' | 'busy' | 'stalled' | 'done' | 'failed' | 'unknown'

/** One pull in the words and figures of a row. The server and the browser make rows of the same. */
export interface Row {
  readonly id: string
  readonly mood: Mood
  /** The image: what stands before its name, the name with its tag, and what is rarely needed of a digest. */
  readonly lead: string
  readonly name: string
  readonly node: string
  readonly phase: string
  /** Shares of the total, 0 to 100. */
  readonly downloaded: number
  readonly cached: number
  readonly unpacked: number
  /** What the bar says to who cannot see it. */
  readonly spoken: string
  readonly size: string
  readonly rate: string
  readonly eta: string
  /** Failure, stall or silence in plain words. */
  readonly note: string
  readonly pods: string
  readonly violations: string
}

/** `agoMs`: how long ago the server sent it, by one clock: what counts down or up goes on meanwhile. */
export function rowOf(pull: Pull, nowMs: number): Row {
  const { totalBytes = 0 } = pull
  const share = (bytes: number) => (totalBytes === 0 ? 0 : Math.min(100, Math.round((1000 * bytes) / totalBytes) / 10))
  const mood = moodOf(pull)
  const done = mood === 'done'
  const downloaded = done ? 100 : (pull.percent ?? 0)
  const { lead, name } = imageParts(pull.imageRef)
  const unpacked = done ? 100 : share(pull.unpackedBytes)
  return {
    id: pull.id,
    mood,
    lead,
    name,
    node: harmless(pull.nodeName),
    phase: phaseWords[pull.phase],
    downloaded,
    cached: Math.min(downloaded, share(pull.cachedBytes)),
    unpacked: Math.min(downloaded, unpacked),
    spoken: `${Math.floor(downloaded)} % downloaded, ${Math.floor(unpacked)} % unpacked`,
    size: sizeOf(pull),
    rate: pull.bytesPerSec && mood !== 'stalled' ? formatRate(pull.bytesPerSec) : '',
    eta: etaOf(pull),
    note: noteOf(pull, nowMs),
    pods: podsOf(pull),
    violations: (pull.violations ?? []).map(({ name }) => harmless(name)).join(', '),
  }
}

const phaseWords: Record<Pull['phase'], string> = {
  queued: 'waiting',
  resolving: 'asking',
  downloading: 'downloading',
  unpacking: 'unpacking',
  lazy: 'lazy',
  completed: 'done',
  failed: 'failed',
  unknown: 'unknown',
}

function moodOf({ phase, stalledSince, stale }: Pull): Mood {
  if (phase === 'completed') return 'done'
  if (phase === 'failed' || phase === 'unknown') return phase
  if (stale || stalledSince !== undefined) return 'stalled'
  return phase === 'queued' ? 'waiting' : 'busy'
}

function sizeOf({ phase, totalBytes, downloadedBytes, unpackedBytes }: Pull): string {
  if (phase === 'completed') return formatBytes(totalBytes ?? downloadedBytes)
  if (totalBytes === undefined) return downloadedBytes > 0 ? formatBytes(downloadedBytes) : ''
  return formatShare(phase === 'unpacking' ? unpackedBytes : downloadedBytes, totalBytes)
}

function etaOf(pull: Pull): string {
  if (pull.completedAt !== undefined) {
    return `took ${formatTook((Date.parse(pull.completedAt) - Date.parse(pull.startedAt)) / 1000)}`
  }
  return pull.etaSeconds === undefined ? '' : `${formatSeconds(pull.etaSeconds)} left`
}

function noteOf(pull: Pull, nowMs: number): string {
  const { phase, errorCode, error, stale, stalledSince, totalBytes = 0, cachedBytes } = pull
  if (phase === 'failed') return failureOf(errorCode, error)
  if (phase === 'unknown') return 'it ended, and nobody saw how'
  if (phase === 'completed') {
    if (totalBytes > 0 && cachedBytes >= totalBytes) return 'all of it was cached'
    return cachedBytes > 0 && totalBytes > 0 ? `${formatPercent(cachedBytes, totalBytes)} was cached` : ''
  }
  if (stale) return 'the node has stopped reporting; this is what was last known'
  if (stalledSince !== undefined) return `no byte came for ${formatSeconds((nowMs - Date.parse(stalledSince)) / 1000)}`
  if (phase === 'queued') return 'the node has not begun with it'
  if (phase === 'resolving') return 'asking the registry what the image consists of'
  if (phase === 'lazy') return 'its files are fetched as they are read'
  return ''
}

/** In plain words first, then what the runtime or kubelet said. */
export function failureOf(errorCode: Pull['errorCode'], error: string | undefined): string {
  const said = error === undefined || error === '' ? undefined : harmless(error)
  if (errorCode === undefined || errorCode === 'Unknown') return said ?? plainErrors.Unknown
  return said === undefined ? plainErrors[errorCode] : `${plainErrors[errorCode]} (${said})`
}

const maxPods = 3

function podsOf({ pods }: Pull): string {
  const names = [
    ...new Set(pods.map(({ namespace, podName, certain }) => `${namespace}/${podName}${certain ? '' : '?'}`)),
  ]
  const shown = names.slice(0, maxPods).map(name => harmless(name))
  return names.length > maxPods ? `${shown.join(', ')} and ${names.length - maxPods} more` : shown.join(', ')
}

/** What tells images apart is the name: all before it is told apart, and a digest is cut to twelve characters. */
export function imageParts(imageRef: string): { readonly lead: string; readonly name: string } {
  const [named = '', digest] = harmless(imageRef).split('@', 2)
  const at = named.lastIndexOf('/') + 1
  const lead = named.slice(0, at).replace(/^docker\.io\/(library\/)?/, '')
  const tag = named.slice(at).includes(':')
  const short = digest === undefined || tag ? '' : `@${digest.replace(/^[a-z0-9]+:/, '').slice(0, 12)}`
  return { lead, name: `${named.slice(at)}${short}` }
}
