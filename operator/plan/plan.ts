import { createHash } from 'node:crypto'
import { type KubeObject, keyOf } from '../../core/kube/objects.ts'
import { agentDaemonSet } from './agent-daemonset.ts'
import { covers } from './covers.ts'
import type { Desired, PlanInput } from './input.ts'
import { isOurs, isOwnedBy } from './labels.ts'
import { agentNetworkPolicy, serverNetworkPolicy } from './network-policies.ts'
import { readerSecret } from './reader-secret.ts'
import { rulesSecret } from './rules-secret.ts'
import { serverStatefulSet } from './server-statefulset.ts'
import { serviceMonitor } from './service-monitor.ts'
import { headlessService, sensorApiService, serverService, webUiService } from './services.ts'
import { serverCaConfigMap, settingsConfigMap } from './settings.ts'

/**
 * What we wrote last, so that a field which is no longer wanted is seen as one: it would otherwise look like somebody
 * else's. On the object, never on its pods.
 */
export const appliedAnnotation = 'pulltrace.dev/applied'

export type Step =
  /** `before`: as it is now; absent when it is to be made. */
  | { readonly do: 'apply'; readonly desired: Desired; readonly before?: KubeObject }
  | { readonly do: 'delete'; readonly observed: Desired; readonly uid: string }

/** All that a config wants, in the order in which it is made: pods come after what they mount. */
export function desiredOf(input: PlanInput): readonly Desired[] {
  return wantedOf(input).map(withHash)
}

function wantedOf(input: PlanInput): readonly Desired[] {
  const wanted: readonly (Desired | undefined)[] = [
    settingsConfigMap(input),
    readerSecret(input),
    rulesSecret(input),
    serverCaConfigMap(input),
    serverNetworkPolicy(input),
    agentNetworkPolicy(input),
    serverService(input),
    headlessService(input),
    sensorApiService(input),
    webUiService(input),
    serverStatefulSet(input),
    agentDaemonSet(input),
    serviceMonitor(input),
  ]
  return wanted.filter(desired => desired !== undefined)
}

/** What we make for some spec or other. Who copies one of these copies our label and owner, too: it is theirs. */
function everMade(input: PlanInput): ReadonlySet<string> {
  const spec = { server: { tls: { secretName: 'any' }, readerAuth: 'token' }, rules: { enabled: true } } as const
  return new Set(wantedOf({ ...input, spec, caCertificate: 'any', hasServiceMonitors: true }).map(idOf))
}

/**
 * What must change, from what is wanted and what is there. It does not know what woke it, so that a second time it
 * plans nothing. `observed` holds what carries our label, and what has the name of something wanted. With `all` it
 * is not believed: everything is applied, which changes nothing where nothing is different.
 */
export function plan(input: PlanInput, observed: readonly Desired[], { all = false } = {}): readonly Step[] {
  const desired = desiredOf(input)
  const there = new Map(observed.map(item => [idOf(item), item]))
  const wanted = new Map(desired.map(item => [idOf(item), item]))
  const made = everMade(input)
  const steps: Step[] = []
  for (const item of observed) {
    const uid = item.object.metadata?.uid
    if (uid === undefined || !isOurs(item.object) || isLeaving(item.object) || !made.has(idOf(item))) continue
    const isLeftOver = !wanted.has(idOf(item)) && isOwnedBy(item.object, input.owner.uid)
    if (isLeftOver || isOfAnother(item.object, input.owner.uid)) steps.push({ do: 'delete', observed: item, uid })
  }
  for (const item of desired) {
    const live = there.get(idOf(item))?.object
    if (live !== undefined && (mustWait(live, input.owner.uid) || isGivenByUser(item, live))) continue
    if (all || live === undefined || !covers(live, fieldsOf(item.object))) {
      // A key that is not as we believe is not to be replaced by what we believe.
      const desired = all && item.resource.kind === 'Secret' ? { ...item, once: true } : item
      steps.push({ do: 'apply', desired, ...(live !== undefined && { before: live }) })
    }
  }
  return steps
}

const idOf = ({ resource, object }: Desired) => `${resource.kind} ${keyOf(object)}`

const isLeaving = ({ metadata }: KubeObject) => metadata?.deletionTimestamp !== undefined

/** Made for a config that is gone, or is not in force: it goes, with its volume, before ours takes its name. */
const isOfAnother = (object: KubeObject, uid: string) =>
  !isOwnedBy(object, uid) && (object.metadata?.ownerReferences?.some(({ kind }) => kind === 'PulltraceConfig') ?? false)

/** What came in a list does not say of what kind it is, as the list does. */
function fieldsOf({ apiVersion: _, kind: __, ...fields }: KubeObject): object {
  return fields
}

/** Its deletion wakes us again. */
const mustWait = (live: KubeObject, uid: string) => isLeaving(live) || (isOurs(live) && isOfAnother(live, uid))

/** A token or key that somebody put there: it is theirs, and stays as it is. */
const isGivenByUser = ({ resource }: Desired, live: KubeObject) => resource.kind === 'Secret' && !isOurs(live)

function withHash({ resource, object, ...rest }: Desired): Desired {
  const { metadata, ...fields } = object
  // A hash of a token would help to guess it.
  const hashed = resource.kind === 'Secret' ? { metadata } : { metadata, fields }
  const hash = createHash('sha256').update(JSON.stringify(hashed)).digest('hex').slice(0, 16)
  const annotations = { ...metadata?.annotations, [appliedAnnotation]: hash }
  return { ...rest, resource, object: { ...fields, metadata: { ...metadata, annotations } } }
}
