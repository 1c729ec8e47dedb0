import { clusterNames } from '../../core/contract/cluster-names.ts'
import type { CustomObject } from '../../core/kube/objects.ts'
import { serviceMonitors } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf, selectorLabels } from './labels.ts'

/** For the Prometheus operator, where the cluster has its kinds. */
export function serviceMonitor(input: PlanInput): Desired<CustomObject> | undefined {
  if (!input.hasServiceMonitors) return undefined
  const tls = input.spec.server?.tls !== undefined
  const object: CustomObject = {
    apiVersion: serviceMonitors.apiVersion,
    kind: serviceMonitors.kind,
    metadata: {
      name: clusterNames.serviceMonitor,
      namespace: input.settings.operatorNamespace,
      labels: labelsOf(input.owner, 'monitoring'),
      ownerReferences: [ownerReferenceOf(input.owner)],
    },
    spec: {
      selector: { matchLabels: selectorLabels('server') },
      // Only the headless Service has these ports.
      endpoints: (input.spec.rules?.enabled ? ['metrics', 'tk-metrics', 'ui-metrics'] : ['metrics']).map(port => ({
        port,
        ...(tls && { scheme: 'https', tlsConfig: tlsConfigOf(input) }),
      })),
    },
  }
  return { resource: serviceMonitors, object }
}

/** Pods are scraped by address, the certificate is for the name of the Service. A key that is not there ends the scrape. */
function tlsConfigOf({ spec, settings, caKey = 'ca.crt' }: PlanInput) {
  const serverName = `${clusterNames.server}.${settings.operatorNamespace}.svc`
  return { serverName, ca: { secret: { name: spec.server?.tls?.secretName, key: caKey } } }
}
