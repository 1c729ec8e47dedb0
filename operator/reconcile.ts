import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { clusterNames } from '../core/contract/cluster-names.ts'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import type { KubeError } from '../core/kube/kube-error.ts'
import type { CustomObject, KubeObject, V1Secret, V1StatefulSet } from '../core/kube/objects.ts'
import { pulltraceConfigs, secrets, statefulSets } from '../core/kube/resources.ts'
import type { Clock } from '../core/lib/clock.ts'
import type { Logger } from '../core/lib/log.ts'
import { fieldManager, nameOf, type Outcome, take } from './apply.ts'
import type { Observer } from './observe.ts'
import type { Desired, PlanInput, PlanSettings } from './plan/input.ts'
import { isOurs, plan } from './plan/plan.ts'
import { claimTemplatesIn, storageConflictOf } from './plan/server-statefulset.ts'
import { runningOf } from './running.ts'
import { type ConfigStatus, statusOf, type Verdict } from './status.ts'
import { type Trust, trustOf } from './trust.ts'
import { judge, stalled } from './verdict.ts'
import { inForceOf } from './who-is-in-force.ts'

export interface Reconciler {
  readonly api: KubeApi
  readonly observer: Pick<Observer, 'configs' | 'owned' | 'hasServiceMonitors'>
  readonly settings: PlanSettings
  readonly events: {
    event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, note: string, action?: string): void
  }
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: { wrote(kind: string, outcome: string): void }
  /** What each write left, by object. The watch brings it a moment later, and it must not be told of twice. */
  readonly written: Map<string, string>
  readonly newToken?: () => string
}

/** When to look again though nothing was seen to change; absent: at the next resync. Milliseconds. */
export interface Again {
  readonly afterMs?: number
}

/** What waits for something that is not watched: a Secret of the user, a roll-out's deadline, a role that is missing. */
const askAgainMs = 15_000
const lookAtRolloutMs = 60_000

/**
 * One look at one config: get, observe, plan, apply, status. It may be ended at any point and begun again: every
 * write is an apply of the whole, under one field manager. Rejects when it is worth another try.
 */
export async function reconcile(parts: Reconciler, name: string, signal: AbortSignal): Promise<Again> {
  const { api, observer } = parts
  // From the API server itself: what the watch has not brought yet must not bring back what is being removed.
  const config = await api.get(pulltraceConfigs, name, { signal })
  if (config === undefined || config.metadata?.deletionTimestamp !== undefined) return {}
  const others = observer.configs().filter(other => other.metadata?.name !== name)
  const { spec, verdict } = judge(config, inForceOf([...others, config]))
  if (verdict !== undefined) return finish(parts, config, verdict, observer.owned(), undefined, signal)

  const trust = await trustFor(parts, spec, signal)
  if (trust.trouble !== undefined) {
    const { verdict } = stalled('TlsSecretInvalid', trust.trouble)
    await finish(parts, config, verdict, observer.owned(), spec, signal)
    return { afterMs: askAgainMs }
  }
  // Without a condition it would be taken for ready, if this operator ended here.
  if (statusIn(config) === undefined) await writeStatus(parts, config, { is: 'begun' }, [], spec, signal)

  const observed = observer.owned()
  const input = inputOf(parts, config, spec, observed, trust.certificate)
  const { live, refused } = await applyAll(parts, config, input, observed, signal)
  return finish(parts, config, verdictOf(input, refused), live, spec, signal)
}

async function trustFor({ api, settings }: Reconciler, spec: PulltraceConfigSpec, signal: AbortSignal) {
  const name = spec.server?.tls?.secretName
  const namespace = settings.operatorNamespace
  if (name === undefined) return { certificate: undefined } as Trust | { certificate: undefined; trouble?: undefined }
  return trustOf(await api.get(secrets, name, { namespace, signal }), name, namespace)
}

function inputOf(
  { observer, settings, newToken = randomToken }: Reconciler,
  { metadata }: KubeObject,
  spec: PulltraceConfigSpec,
  observed: readonly Desired[],
  caCertificate: string | undefined,
): PlanInput {
  const owner = { name: metadata?.name ?? '', uid: metadata?.uid ?? '' }
  const mine = <T extends KubeObject>(kind: string, name: string) =>
    observed.find(
      ({ resource, object }) =>
        resource.kind === kind && object.metadata?.name === name && isOwnedBy(object, owner.uid),
    )?.object as T | undefined
  const secret = mine<V1Secret>(secrets.kind, clusterNames.reader)
  const set = mine<V1StatefulSet>(statefulSets.kind, clusterNames.server)
  return {
    owner,
    spec,
    settings,
    readerToken: Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString() || newToken(),
    caCertificate,
    hasServiceMonitors: observer.hasServiceMonitors,
    claimTemplates: claimTemplatesIn(set),
  }
}

const isOwnedBy = ({ metadata }: KubeObject, uid: string) =>
  metadata?.ownerReferences?.some(owner => owner.uid === uid) ?? false

const randomToken = () => randomBytes(32).toString('base64url')

/** Every step that can be done; a refused one does not keep the others from being done. */
async function applyAll(
  { api, events, log, metrics, written }: Reconciler,
  config: KubeObject,
  input: PlanInput,
  observed: readonly Desired[],
  signal: AbortSignal,
) {
  const live = new Map(observed.map(item => [idOf(item), item]))
  const refused: { readonly what: string; readonly error: KubeError }[] = []
  for (const step of plan(input, observed)) {
    const what = nameOf(step)
    const outcome = await take(api, step, written, signal)
    metrics.wrote(what.split(' ')[0]!, outcome.is)
    log.info('step taken', { config: config.metadata?.name, what, outcome: outcome.is })
    if (outcome.is === 'refused') refused.push({ what, error: outcome.error })
    else if (outcome.is === 'deleted') live.delete(idOf(step.do === 'delete' ? step.observed : step.desired))
    else live.set(idOf(outcome.live), outcome.live)
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

function verdictOf(input: PlanInput, refused: readonly { what: string; error: KubeError }[]): Verdict {
  if (refused.length > 0) {
    const message = refused.map(({ what, error }) => `${what}: ${error.message}`).join('; ')
    // Roles, quotas and kinds change without a change of the config, so these are asked again.
    const mayPass = refused.some(({ error }) => error.status === 403 || error.status === 404)
    return mayPass ? { is: 'failed', reason: 'ApplyFailed', message } : { is: 'stalled', reason: 'Refused', message }
  }
  const storage = storageConflictOf(input)
  if (storage !== undefined) return stalled('StorageImmutable', storageMessage(storage, input)).verdict
  return { is: 'applied' }
}

function storageMessage(
  { field, there, wanted }: { field: string; there: string; wanted: string },
  { settings }: PlanInput,
): string {
  const set = `statefulset/${clusterNames.server} -n ${settings.operatorNamespace}`
  return (
    `${field} is '${wanted}', but the volume was made with '${there}', which Kubernetes cannot change in a StatefulSet; ` +
    `all else is applied. Write '${there}' again; or to grow the volume, change the size of PersistentVolumeClaim ` +
    `data-${clusterNames.server}-0 (its StorageClass must allow it), then \`kubectl delete --cascade=orphan ${set}\`; ` +
    `or to begin with an empty history, \`kubectl delete ${set}\``
  )
}

/** Says what came out of it, and when to look again. */
async function finish(
  parts: Reconciler,
  config: CustomObject,
  verdict: Verdict,
  live: readonly Desired[],
  spec: PulltraceConfigSpec | undefined,
  signal: AbortSignal,
): Promise<Again> {
  const status = await writeStatus(parts, config, verdict, live, spec, signal)
  if (verdict.is === 'failed') return { afterMs: askAgainMs }
  const isRolling = status.conditions.some(({ type, status: is }) => type === 'Reconciling' && is === 'True')
  return isRolling ? { afterMs: lookAtRolloutMs } : {}
}

async function writeStatus(
  { api, clock, events }: Reconciler,
  config: CustomObject,
  verdict: Verdict,
  live: readonly Desired[],
  spec: PulltraceConfigSpec | undefined,
  signal: AbortSignal,
): Promise<ConfigStatus> {
  const { name, uid, generation = 1 } = config.metadata ?? {}
  const before = statusIn(config)
  const running = runningOf(
    live.filter(({ object }) => isOurs(object) && isOwnedBy(object, uid ?? '')),
    spec,
  )
  const status = statusOf(verdict, running, before, generation, clock.now())
  if (isDeepStrictEqual(before, status)) return status
  const object = { metadata: { name, uid }, status } as CustomObject
  const written = await api.apply(pulltraceConfigs, object, {
    fieldManager,
    force: true,
    subresource: 'status',
    signal,
  })
  // The next write of this look compares with what this one wrote.
  config.status = written.status
  for (const { type, status: is, reason, message } of status.conditions) {
    const was = before?.conditions.find(condition => condition.type === type)
    if (type === 'Ready' && is === 'True' && was?.status !== 'True')
      events.event(config, 'Normal', 'Ready', message, 'Look')
    if ((type === 'Stalled' || type === 'Degraded') && is === 'True' && was?.reason !== reason) {
      events.event(config, 'Warning', reason, message, 'Look')
    }
  }
  return status
}

function statusIn({ status }: CustomObject): ConfigStatus | undefined {
  const { conditions } = (status ?? {}) as Partial<ConfigStatus>
  return conditions === undefined || conditions.length === 0 ? undefined : (status as ConfigStatus)
}
