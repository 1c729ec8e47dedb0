import { clusterNames } from '../core/contract/cluster-names.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import { KubeError } from '../core/kube/kube-error.ts'
import { type KubeObject, keyOf } from '../core/kube/objects.ts'
import type { Desired } from './plan/input.ts'
import type { Step } from './plan/plan.ts'

export const fieldManager = clusterNames.operator

/** What a step came to. */
export type Outcome =
  | { readonly is: 'created' | 'updated' | 'unchanged'; readonly live: Desired }
  | { readonly is: 'deleted' }
  /** The API server will say the same again until somebody changes something. */
  | { readonly is: 'refused'; readonly error: KubeError }

/**
 * Does one step; doing it twice changes nothing. Rejects for what may pass: the API server is away, busy or in conflict.
 */
export async function take(
  api: KubeApi,
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
    const live = await api.apply(resource, object, { fieldManager, force: true, signal })
    const is = changeOf(live, step, written.get(nameOf(step)))
    written.set(nameOf(step), versionOf(live))
    return { is, live: { resource, object: live } }
  } catch (error) {
    if (isRefusal(error)) return { is: 'refused', error }
    throw error
  }
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
export function nameOf(step: Step): string {
  const { resource, object } = step.do === 'apply' ? step.desired : step.observed
  return `${resource.kind} ${keyOf(object as KubeObject)}`
}

/** 403 is one too: a role is missing, a quota is used up, or an admission policy says no. */
export function isRefusal(error: unknown): error is KubeError {
  return error instanceof KubeError && [400, 403, 404, 422].includes(error.status)
}
