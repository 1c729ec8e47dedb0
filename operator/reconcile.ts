import { randomBytes } from 'node:crypto'
import { clusterNames } from '../core/contract/cluster-names.ts'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import type { CustomObject, KubeObject, V1Secret, V1StatefulSet } from '../core/kube/objects.ts'
import { pulltraceConfigs, secrets, statefulSets } from '../core/kube/resources.ts'
import { carryOut, type Refusal, type Writer } from './carry-out.ts'
import type { Observer } from './observe.ts'
import type { Desired, PlanInput, PlanSettings } from './plan/input.ts'
import { isOwnedBy } from './plan/labels.ts'
import { plan } from './plan/plan.ts'
import { newRulesKeys, rulesKeysIn } from './plan/rules-secret.ts'
import { claimTemplatesIn, storageConflictOf } from './plan/server-statefulset.ts'
import { withoutCertificate } from './plan/without-certificate.ts'
import type { Verdict } from './status.ts'
import { type Trust, trustOf } from './trust.ts'
import { judge, stalled } from './verdict.ts'
import { inForceOf } from './who-is-in-force.ts'
import { type StatusWriter, statusIn, writeStatus } from './write-status.ts'

export interface Reconciler extends Writer, StatusWriter {
  readonly api: KubeApi
  readonly observer: Pick<Observer, 'configs' | 'owned' | 'hasServiceMonitors'>
  readonly settings: PlanSettings
  readonly newToken?: () => string
}

/** When to look again though nothing was seen to change; absent: at the next resync. Milliseconds. */
export interface Again {
  readonly afterMs?: number
}

/** What waits for something that is not watched: a Secret of the user, a roll-out's deadline, a role that is missing. */
const askAgainMs = 15_000
const lookAtRolloutMs = 60_000
/** The server takes a renewed certificate within seconds; agents that do not trust its signer report nothing. */
const lookAtCertificateMs = 30_000

/**
 * One look at one config: get, observe, plan, apply, status. It may be ended at any point and begun again: every
 * write is an apply of the whole, under one field manager. Rejects when it is worth another try. With `all` nothing
 * that a watch told is believed.
 */
export async function reconcile(
  parts: Reconciler,
  name: string,
  signal: AbortSignal,
  how: { readonly all?: boolean } = {},
): Promise<Again> {
  const { api, observer } = parts
  // From the API server itself: what the watch has not brought yet must not bring back what is being removed.
  const config = await api.get(pulltraceConfigs, name, { signal })
  if (config === undefined || config.metadata?.deletionTimestamp !== undefined) return {}
  const others = observer.configs().filter(other => other.metadata?.name !== name)
  const { spec, verdict } = judge(config, inForceOf([...others, config]))
  if (verdict !== undefined) return finish(parts, config, verdict, observer.owned(), undefined, signal)

  const trust = await trustFor(parts, spec, signal)
  // Without a condition it would be taken for ready, if this operator ended here.
  if (statusIn(config) === undefined) await writeStatus(parts, config, { is: 'begun' }, [], spec, signal)

  const observed = observer.owned()
  const input = inputOf(parts, config, spec, observed, trust)
  const steps = plan(input, observed, how)
  if (trust?.trouble !== undefined) {
    const safe = withoutCertificate(steps, observed, input.owner.uid)
    const { live, refused } = await carryOut(parts, config, safe, observed, signal)
    const { verdict } = stalled('TlsSecretInvalid', [trust.trouble, ...refused.map(textOf)].join('; '))
    await finish(parts, config, verdict, live, spec, signal)
    return { afterMs: askAgainMs }
  }
  const { live, refused } = await carryOut(parts, config, steps, observed, signal)
  return finish(parts, config, verdictOf(input, refused), live, spec, signal)
}

/** Undefined: there is no TLS. */
async function trustFor(
  { api, settings }: Reconciler,
  spec: PulltraceConfigSpec,
  signal: AbortSignal,
): Promise<Trust | undefined> {
  const name = spec.server?.tls?.secretName
  const namespace = settings.operatorNamespace
  if (name === undefined) return undefined
  const hosts = [clusterNames.server, ...(spec.rules?.enabled ? [clusterNames.sensorApi, clusterNames.webUi] : [])]
  return trustOf(await api.get(secrets, name, { namespace, signal }), name, namespace, hosts)
}

function inputOf(
  { observer, settings, newToken = randomToken }: Reconciler,
  { metadata }: KubeObject,
  spec: PulltraceConfigSpec,
  observed: readonly Desired[],
  trust: Trust | undefined,
): PlanInput {
  const owner = { name: metadata?.name ?? '', uid: metadata?.uid ?? '' }
  const mine = <T extends KubeObject>(kind: string, name: string) =>
    observed.find(
      ({ resource, object }) =>
        resource.kind === kind && object.metadata?.name === name && isOwnedBy(object, owner.uid),
    )?.object as T | undefined
  const secret = mine<V1Secret>(secrets.kind, clusterNames.reader)
  const rules = mine<V1Secret>(secrets.kind, clusterNames.rules)
  const set = mine<V1StatefulSet>(statefulSets.kind, clusterNames.server)
  return {
    owner,
    spec,
    settings,
    readerToken: Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString() || undefined,
    newReaderToken: newToken(),
    rulesKeys: rulesKeysIn(rules),
    newRulesKeys: newRulesKeys(),
    caCertificate: trust?.certificate,
    caKey: trust?.key,
    hasServiceMonitors: observer.hasServiceMonitors,
    claimTemplates: claimTemplatesIn(set),
  }
}

const randomToken = () => randomBytes(32).toString('base64url')

const textOf = ({ what, error }: Refusal) => `${what}: ${error.message}`

function verdictOf(input: PlanInput, refused: readonly Refusal[]): Verdict {
  if (refused.length > 0) {
    const message = refused.map(textOf).join('; ')
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
  if (spec?.server?.tls !== undefined) return { afterMs: lookAtCertificateMs }
  const isRolling = status.conditions.some(({ type, status: is }) => type === 'Reconciling' && is === 'True')
  return isRolling ? { afterMs: lookAtRolloutMs } : {}
}
