import { PullList } from '../../core/contract/api.ts'
import type { Pull } from '../../core/contract/pull.ts'
import { validatorOf } from '../../core/contract/schema.ts'
import type { Clock } from '../../core/lib/clock.ts'
import { PulltraceError } from '../../core/lib/errors.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { type Api, getJson } from '../api.ts'
import type { ContainerAnswer } from './container-answer.ts'
import { explain, pullsTellMore, type WaitsFor } from './explain.ts'
import type { EventView, PodView } from './pod-view.ts'

/** What `-o json` writes. Fields are only ever added. */
export interface WhyAnswer {
  readonly schemaVersion: 'v1'
  readonly namespace: string
  readonly podName: string
  readonly nodeName?: string
  readonly waitsFor: WaitsFor
  readonly text: string
  readonly containers: readonly ContainerAnswer[]
  /** Why less is told than could be. */
  readonly incomplete?: string
}

export interface WhyParts {
  readonly api: Api
  readonly pod: PodView
  readonly events: readonly EventView[]
  /** Why the events could not be read. */
  readonly eventsFault: PulltraceError | undefined
  readonly clock: Clock
}

/**
 * The answer, and what was in the way of a better one. The server is asked only when its pulls can say more than the
 * API does: what has nothing to do with images is told without it.
 */
export async function whyOf(
  { api, pod, events, eventsFault, clock }: WhyParts,
  signal: AbortSignal,
): Promise<{ readonly answer: WhyAnswer; readonly fault: PulltraceError | undefined }> {
  let pulls: readonly Pull[] | undefined
  let fault: PulltraceError | undefined
  const more = pullsTellMore({ pod, events })
  if (more !== 'no') {
    try {
      pulls = await pullsAround(api, pod, signal)
    } catch (reason) {
      if (signal.aborted) throw reason
      if (more === 'yes') fault = PulltraceError.from(reason)
    }
  }
  const { waitsFor, text, containers } = explain({ pod, events, pulls }, clock.now())
  const missing = [
    ...(eventsFault === undefined ? [] : ['its events could not be read']),
    ...(fault === undefined ? [] : [`the server could not be asked (${harmless(fault.message)})`]),
  ]
  const nodeName = pod.spec?.nodeName
  const answer: WhyAnswer = {
    schemaVersion: 'v1',
    namespace: pod.metadata?.namespace ?? '',
    podName: pod.metadata?.name ?? '',
    ...(nodeName !== undefined && { nodeName }),
    waitsFor,
    text,
    containers,
    ...(missing.length > 0 && { incomplete: `This is what the API alone tells: ${missing.join(', and ')}.` }),
  }
  return { answer, fault: fault ?? eventsFault }
}

const lists = validatorOf('answer', PullList)

/** Pulls under way on the pod's node, any of which may be before its own, and those of the pod that ended. */
async function pullsAround(api: Api, { metadata, spec }: PodView, signal: AbortSignal): Promise<readonly Pull[]> {
  const get = (query: Record<string, string>) =>
    getJson(api, `/api/v1/pulls?${new URLSearchParams(query)}`, lists, signal)
  const [active, ended] = await Promise.all([
    get({ node: spec?.nodeName ?? '', state: 'active', limit: '5000' }),
    get({ namespace: metadata?.namespace ?? '', pod: metadata?.name ?? '', state: 'finished', limit: '50' }),
  ])
  return [...active.pulls, ...ended.pulls]
}
