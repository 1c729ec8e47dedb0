import { clusterNames } from '../../core/contract/cluster-names.ts'
import { configMaps, daemonSets, networkPolicies, secrets, services } from '../../core/kube/resources.ts'
import type { Desired } from './input.ts'
import { isOurs, isOwnedBy } from './labels.ts'
import type { Step } from './plan.ts'

const always = new Set([configMaps.kind, secrets.kind, networkPolicies.kind])
/** They say https: right only where the server was made with a certificate before. */
const overTls = new Set([services.kind, daemonSets.kind])

/**
 * What can be done while nobody knows whom agents would trust. The server stays as it is: begun anew, it would have no
 * certificate, or a wrong one. Nothing is removed, since the pods that run may have it mounted.
 */
export function withoutCertificate(steps: readonly Step[], observed: readonly Desired[], ownerUid: string): Step[] {
  const hasAuthority = observed.some(
    ({ resource, object }) =>
      resource.kind === configMaps.kind &&
      object.metadata?.name === clusterNames.serverCa &&
      object.metadata.deletionTimestamp === undefined &&
      isOurs(object) &&
      isOwnedBy(object, ownerUid),
  )
  return steps.filter(step => {
    if (step.do !== 'apply') return false
    const { kind } = step.desired.resource
    return always.has(kind) || (hasAuthority && overTls.has(kind))
  })
}
