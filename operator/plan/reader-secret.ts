import { clusterNames } from '../../core/contract/cluster-names.ts'
import type { V1Secret } from '../../core/kube/objects.ts'
import { secrets } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf } from './labels.ts'

/**
 * The token of readers. Made once and never replaced: a watch may not have brought yet what is there, and a second
 * token would shut out everyone who has the first.
 */
export function readerSecret({
  owner,
  spec,
  settings,
  readerToken,
  newReaderToken,
}: PlanInput): Desired<V1Secret> | undefined {
  if ((spec.server?.readerAuth ?? 'token') !== 'token') return undefined
  const object: V1Secret = {
    apiVersion: secrets.apiVersion,
    kind: secrets.kind,
    metadata: {
      name: clusterNames.reader,
      namespace: settings.operatorNamespace,
      labels: labelsOf(owner, 'reader'),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    type: 'Opaque',
    data: { token: Buffer.from(readerToken ?? newReaderToken).toString('base64') },
  }
  return { resource: secrets, object, once: readerToken === undefined }
}
