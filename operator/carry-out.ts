import { randomBytes } from 'node:crypto'
import { clusterNames } from '../core/contract/cluster-names.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import { isConflict, KubeError } from '../core/kube/kube-error.ts'
import { type KubeObject, keyOf } from '../core/kube/objects.ts'
import type { EventRecorder } from '../core/kube/recorder.ts'
import type { Logger } from '../core/lib/log.ts'
import type { Desired } from './plan/input.ts'
import type { Step } from './plan/plan.ts'

export const fieldManager = clusterNames.operator

export interface Writer {
  readonly api: Pick<KubeApi, 'apply' | 'delete'>
  readonly events: Pick<EventRecorder, 'event'>
  readonly log: Logger
  readonly metrics: { wrote(kind: string, outcome: string): void }
  /** What each write left, by object. The watch brings it a moment later, and it must not be told of twice. */
  readonly written: Map<string, string>
}

export interface Refusal {
  readonly what: string
  readonly error: KubeError
}

/** Every step that can be done; a refused one does not keep the others from being done. */
export async function carryOut(
  { api, events, log, metrics, written }: Writer,
  config: KubeObject,
  steps: readonly Step[],
  observed: readonly Desired[],
  signal: AbortSignal,
): Promise<{ readonly live: readonly Desired[]; readonly refused: readonly Refusal[] }> {
  const live = new Map(observed.map(item => [idOf(item), item]))
  const refused: Refusal[] = []
  for (const step of steps) {
    const what = nameOf(step)
    const outcome = await take(api, step, written, signal)
    metrics.wrote(what.split(' ')[0]!, outcome.is)
    log.info('step taken', { config: config.metadata?.name, what, outcome: outcome.is })
    if (outcome.is === 'refused') refused.push({ what, error: outcome.error })
    else if (outcome.is === 'deleted') live.delete(idOf(step.do === 'delete' ? step.observed : step.desired))
    else if (outcome.is !== 'kept') live.set(idOf(outcome.live), outcome.live)
    const note = notes[outcome.is]
    if (note) events.event(config, 'Normal', note.reason, `${what} ${note.text}`, note.action)
  }
  return { live: [...live.values()], refused }
}

const notes: Partial<Record<Outcome['is'], { reason: string; text: string; action: string }>> = {
  created: { reason: 'Created', text: 'was made', action: 'Apply' },
  updated: { reason: 'Updated', text: 'was made as it is wanted', action: 'Apply' },
  deleted: { reason: 'Deleted', text: 'is not wanted any more', action: 'Delete' },
}

const idOf = ({ resource, object }: Desired) =>
  `${resource.kind} ${object.metadata?.namespace}/${object.metadata?.name}`

/** What a step came to. */
type Outcome =
  | { readonly is: 'created' | 'updated' | 'unchanged'; readonly live: Desired }
  | { readonly is: 'deleted' }
  | { readonly is: 'kept' }
  /** The API server will say the same again until somebody changes something. */
  | { readonly is: 'refused'; readonly error: KubeError }

/**
 * Does one step; doing it twice changes nothing. Rejects for what may pass: the API server is away, busy or in conflict.
 */
async function take(
  api: Writer['api'],
  step: Step,
  written: Map<string, string>,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    if (step.do === 'delete') {
      written.delete(nameOf(step))
      const { resource, object } = step.observed
      const { name = '', namespace } = object.metadata ?? {}
      // Only this one: another may have got its name since.
      await api.delete(resource, name, { namespace, uid: step.uid, propagationPolicy: 'Background', signal })
      return { is: 'deleted' }
    }
    const { resource, object } = step.desired
    const live = await api.apply(resource, object, { ...howOf(step.desired), signal })
    const is = changeOf(live, step, written.get(nameOf(step)))
    written.set(nameOf(step), versionOf(live))
    return { is, live: { resource, object: live } }
  } catch (error) {
    // Somebody was first with a value of theirs; the watch will bring it.
    if (step.do === 'apply' && step.desired.once && isConflict(error)) return { is: 'kept' }
    if (isRefusal(error)) return { is: 'refused', error }
    throw error
  }
}

/**
 * Our values win over anyone's, but for what may be said only once: under a name that nobody else has, and without
 * force, the API server takes a value only where there is none, whatever we know of it.
 */
function howOf({ once }: Desired) {
  if (!once) return { fieldManager, force: true }
  return { fieldManager: `${fieldManager}-${randomBytes(4).toString('hex')}`, force: false }
}

/** What was observed may be older than what we wrote ourselves. */
function changeOf(live: KubeObject, step: Step & { do: 'apply' }, last: string | undefined) {
  const version = versionOf(live)
  if (version === last || (step.before && version === versionOf(step.before))) return 'unchanged'
  const isKnown = step.before !== undefined || last?.split('/')[0] === live.metadata?.uid
  return isKnown ? 'updated' : 'created'
}

const versionOf = ({ metadata }: KubeObject) => `${metadata?.uid}/${metadata?.resourceVersion}`

/** Of the step's object, for people: `DaemonSet pulltrace-agents/pulltrace-agent`. */
function nameOf(step: Step): string {
  const { resource, object } = step.do === 'apply' ? step.desired : step.observed
  return `${resource.kind} ${keyOf(object as KubeObject)}`
}

/** 403 is one too: a role is missing, a quota is used up, or an admission policy says no. */
function isRefusal(error: unknown): error is KubeError {
  return error instanceof KubeError && [400, 403, 404, 422].includes(error.status)
}
