import type { Pull } from '../../core/contract/pull.ts'
import type { Phase } from '../../core/contract/words.ts'
import { formatSeconds } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { errorCodeOf } from '../../core/pulls/kubelet-reason.ts'
import { retryAtMs } from './kubelet-news.ts'
import type { Match } from './matching-pull.ts'
import { failureText, pullSentences, shortReason } from './pull-words.ts'
import type { ContainerStanding } from './standing.ts'

/** What the API alone can say of an image: `pulling` when the kubelet has asked for it and nobody knows how far it is. */
export type ImageState = 'pulling' | 'backOff' | 'failed'

export interface Around {
  readonly match: Match | undefined
  readonly ahead: readonly Pull[]
  /** Whether a server was asked at all. */
  readonly asked: boolean
  readonly nowMs: number
}

export interface ImageText {
  readonly state: Phase | ImageState
  /** Parts of a paragraph, without full stops. */
  readonly sentences: readonly string[]
  /** Epoch ms. */
  readonly retryAt?: number
}

/** Reasons of the kubelet that are no answer of a registry, in plain words. */
const plainReasons: Readonly<Record<string, string>> = {
  InvalidImageName: 'that is not a valid image name',
  ErrImageNeverPull: 'it is not on the node, and `imagePullPolicy` Never forbids to pull it',
  ImageInspectError: 'the runtime cannot say whether it has it',
  RegistryUnavailable: 'its registry is not available',
  SignatureValidationFailed: 'its signature is not accepted',
}

/** About one container that waits for its image. */
export function imageText(own: ContainerStanding, { match, ahead, asked, nowMs }: Around): ImageText {
  const { standing, news } = own
  if (standing.is === 'refused') return refusedText(own, standing, match, nowMs)
  if (match !== undefined) {
    const said = pullSentences(match.pull, ahead, nowMs)
    const before = news.failures > 0 ? [failedBefore(news.failures)] : []
    const doubt = match.certain ? [] : ['that it is this pull is likely, not certain']
    return { state: match.pull.phase, sentences: [...said, ...before, ...doubt] }
  }
  const since = standing.is === 'pulling' ? standing.sinceMs : nowMs
  const askedFor = `the kubelet asked for it ${agoText(since, nowMs)} ago`
  const known = asked ? 'the server knows of no such pull yet' : 'how far it is cannot be told'
  return { state: 'pulling', sentences: [`${askedFor}, and ${known}`] }
}

function refusedText(
  { news }: ContainerStanding,
  { reason, message, backOff }: Extract<ContainerStanding['standing'], { is: 'refused' }>,
  match: Match | undefined,
  nowMs: number,
): ImageText {
  const plain = plainReasons[reason]
  if (plain !== undefined) {
    return { state: 'failed', sentences: [`${plain}${message === '' ? '' : ` (${reason}: ${shortReason(message)})`}`] }
  }
  // Under way again: what it is doing now matters more than how it failed.
  if (match !== undefined && match.pull.phase !== 'failed' && match.pull.phase !== 'unknown') {
    return {
      state: match.pull.phase,
      sentences: [...pullSentences(match.pull, [], nowMs), failedBefore(news.failures)],
    }
  }
  // The back-off says nothing; what failed before it does. Kubelets since 1.31 put that behind it.
  const said = news.failedText ?? message.replace(/^Back-off pulling image "[^"]*"(?:: )?/, '')
  const known = match?.pull.phase === 'failed' ? match.pull : undefined
  const why = failureText(said || known?.error, known?.errorCode ?? errorCodeOf(said))
  const times = news.failures > 1 ? `the pull has failed ${news.failures} times` : 'the pull failed'
  const last =
    news.failedAtMs === undefined ? '' : `, ${news.failures > 1 ? 'last ' : ''}${agoText(news.failedAtMs, nowMs)} ago`
  const sentences = [`${times}${last}: ${why}`]
  const retryAt = retryAtMs(news)
  if (retryAt === undefined) {
    sentences.push('the kubelet tries again at most 5 minutes after the last time')
  } else if (retryAt <= nowMs) {
    sentences.push('the kubelet is about to try again')
  } else {
    const time = new Date(retryAt).toISOString().slice(11, 19)
    sentences.push(`the kubelet tries again in about ${formatSeconds((retryAt - nowMs) / 1000)}, at ${time} UTC`)
  }
  return { state: backOff ? 'backOff' : 'failed', sentences, ...(retryAt !== undefined && { retryAt }) }
}

const failedBefore = (failures: number) =>
  failures === 0 ? 'it has failed before' : `it has failed ${failures === 1 ? 'once' : `${failures} times`} before`

const agoText = (ms: number, nowMs: number) => harmless(formatSeconds(Math.max(0, nowMs - ms) / 1000))
