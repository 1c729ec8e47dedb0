import { plainErrors } from '../../core/contract/plain-errors.ts'
import type { Pull } from '../../core/contract/pull.ts'
import type { ErrorCode } from '../../core/contract/words.ts'
import { formatBytes, formatRate, formatSeconds, formatShare } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { reasonOf } from '../../core/pulls/kubelet-reason.ts'

/** Most pulls that are named before "and 3 more". */
const maxNamed = 3

/**
 * How far one pull is, as sentences of a paragraph, each without its full stop. `ahead`: what the kubelet pulls
 * before it, in that order.
 */
export function pullSentences(pull: Pull, ahead: readonly Pull[], nowMs: number): string[] {
  const sentences = [phaseSentence(pull, ahead, nowMs)]
  if (pull.stalledSince !== undefined) {
    sentences.push(`no byte has come for ${ago(pull.stalledSince, nowMs)}: it is stalled`)
  }
  if (pull.stale) sentences.push(`its node has stopped reporting: this is what was last known`)
  return sentences
}

function phaseSentence(pull: Pull, ahead: readonly Pull[], nowMs: number): string {
  const since = (phase: string) => ago(pull.phaseStartedAt[phase] ?? pull.startedAt, nowMs)
  switch (pull.phase) {
    case 'queued':
      return `it has been in the kubelet's queue for ${since('queued')}, ${aheadText(ahead)}`
    case 'resolving':
      return `its registry was asked ${since('resolving')} ago and has not answered in full yet`
    case 'downloading':
      return downloadText(pull)
    case 'unpacking':
      return `all ${sizeOf(pull)} are here, and have been unpacked for ${since('unpacking')} (${pull.layersDone} of ${pull.layerCount} layers are done)`
    case 'lazy':
      return 'its snapshotter fetches nothing up front, so the container starts without waiting for its bytes'
    case 'completed':
      return `its pull was done ${ago(pull.completedAt, nowMs)} ago, and the kubelet starts the container next`
    case 'failed':
      return `its pull failed ${ago(pull.completedAt, nowMs)} ago: ${failureText(pull.error, pull.errorCode)}`
    case 'unknown':
      return `how its pull ended ${ago(pull.completedAt, nowMs)} ago is not known: ${harmless(pull.error ?? 'there is no evidence')}`
    default:
      return pull.phase satisfies never
  }
}

function downloadText(pull: Pull): string {
  const { downloadedBytes, totalBytes, percent, bytesPerSec = 0, etaSeconds } = pull
  const share =
    totalBytes === undefined
      ? `${formatBytes(downloadedBytes)} are here; its size is not known yet`
      : `${formatShare(downloadedBytes, totalBytes).replace('/', ' of ')} are here${percent === undefined ? '' : ` (${Math.floor(percent)}%)`}`
  if (bytesPerSec <= 0) return share
  const eta = etaSeconds === undefined ? '' : `, about ${formatSeconds(etaSeconds)} left`
  return `${share}, at ${formatRate(bytesPerSec)}${eta}; then it is unpacked`
}

function aheadText(ahead: readonly Pull[]): string {
  if (ahead.length === 0) return 'with nothing before it: it should begin at once'
  const named = ahead.slice(0, maxNamed).map(pull => `${harmless(pull.imageRef)} (${briefly(pull)})`)
  const more = ahead.length - named.length
  const list = [...named, ...(more > 0 ? [`${more} more`] : [])]
  return `behind ${ahead.length === 1 ? 'one pull' : `${ahead.length} pulls`}: ${listed(list)}`
}

/** One pull that is before another, in a few words. */
function briefly({ phase, downloadedBytes, totalBytes, etaSeconds }: Pull): string {
  if (phase !== 'downloading' || totalBytes === undefined) return phase
  const eta = etaSeconds === undefined ? '' : `, about ${formatSeconds(etaSeconds)} left`
  return `${formatShare(downloadedBytes, totalBytes).replace('/', ' of ')}${eta}`
}

/** Plain words first, then what the runtime said. */
export function failureText(error: string | undefined, errorCode: ErrorCode | undefined): string {
  const plain = errorCode === undefined || errorCode === 'Unknown' ? undefined : plainErrors[errorCode]
  const raw = error === undefined || error === '' ? undefined : shortReason(error)
  if (plain === undefined) return raw ?? plainErrors.Unknown
  return raw === undefined ? `${plain} (${errorCode})` : `${plain} (${errorCode}: ${raw})`
}

const maxReason = 300

/** The end of a runtime's message: what precedes it names the image, which is named already. */
export function shortReason(text: string): string {
  const core = harmless(reasonOf(text, false)?.message ?? '')
    .replace(/^failed to pull and unpack image "[^"]*": /, '')
    .replace(/^failed to resolve (?:reference|image) "[^"]*": /, '')
    .trim()
  return core.length <= maxReason ? core : `${core.slice(0, maxReason - 1)}…`
}

export const listed = (parts: readonly string[]) =>
  parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`

const sizeOf = ({ totalBytes, downloadedBytes }: Pull) => formatBytes(totalBytes ?? downloadedBytes)

/** Never negative: the clocks of this machine and of the server differ. */
function ago(time: string | undefined, nowMs: number): string {
  const ms = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(ms) ? 'some time' : formatSeconds(Math.max(0, nowMs - ms) / 1000)
}
