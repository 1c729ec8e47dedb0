import { clusterNames } from '../../core/contract/cluster-names.ts'
import { intervalsOf } from '../../core/contract/settings.ts'
import type { V1ConfigMap } from '../../core/kube/objects.ts'
import { configMaps } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf } from './labels.ts'

/** The one object that a changed report interval changes: the server watches it and commands the agents. */
export function settingsConfigMap({ owner, spec, settings }: PlanInput): Desired<V1ConfigMap> {
  const object: V1ConfigMap = {
    apiVersion: configMaps.apiVersion,
    kind: configMaps.kind,
    metadata: {
      name: clusterNames.settings,
      namespace: settings.operatorNamespace,
      labels: labelsOf(owner, 'settings'),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    data: { ...intervalsOf(spec) },
  }
  return { resource: configMaps, object }
}

/** Secrets do not cross namespaces, and agents need no key: only the certificate that they trust stands beside them. */
export function serverCaConfigMap(input: PlanInput): Desired<V1ConfigMap> | undefined {
  const { owner, spec, settings, caCertificate } = input
  if (spec.server?.tls === undefined || caCertificate === undefined) return undefined
  const object: V1ConfigMap = {
    apiVersion: configMaps.apiVersion,
    kind: configMaps.kind,
    metadata: {
      name: clusterNames.serverCa,
      namespace: settings.agentNamespace,
      labels: labelsOf(owner, 'agent'),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    data: { 'ca.crt': caCertificate },
  }
  return { resource: configMaps, object }
}
