import { clusterNames, ports } from '../../core/contract/cluster-names.ts'
import type { V1Service } from '../../core/kube/objects.ts'
import { services } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf, selectorLabels } from './labels.ts'

/** What agents, readers and an Ingress talk to. */
export function serverService(input: PlanInput): Desired<V1Service> {
  return service(input, clusterNames.server, {
    type: input.spec.server?.service?.type ?? 'ClusterIP',
    ports: [httpPort(input)],
  })
}

/** Gives the pod of the StatefulSet its name; what scrapes metrics finds it here, outside of what people reach. */
export function headlessService(input: PlanInput): Desired<V1Service> {
  return service(input, clusterNames.serverHeadless, {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    ports: [
      httpPort(input),
      metricsPort('metrics', ports.serverMetrics),
      ...(input.spec.rules?.enabled
        ? [metricsPort('tk-metrics', ports.sensorApiMetrics), metricsPort('ui-metrics', ports.webUiMetrics)]
        : []),
    ],
  })
}

/** Where sensors of all namespaces fetch rules and report events. */
export function sensorApiService(input: PlanInput): Desired<V1Service> | undefined {
  if (!input.spec.rules?.enabled) return undefined
  const appProtocol = input.spec.server?.tls === undefined ? 'kubernetes.io/h2c' : 'https'
  return service(input, clusterNames.sensorApi, {
    type: 'ClusterIP',
    ports: [{ name: 'grpc', port: ports.sensorApi, targetPort: 'grpc', protocol: 'TCP', appProtocol }],
  })
}

/** Where people write rules and search events. */
export function webUiService(input: PlanInput): Desired<V1Service> | undefined {
  if (!input.spec.rules?.enabled) return undefined
  const appProtocol = input.spec.server?.tls === undefined ? 'http' : 'https'
  return service(input, clusterNames.webUi, {
    type: 'ClusterIP',
    ports: [{ name: 'http', port: ports.webUi, targetPort: 'ui', protocol: 'TCP', appProtocol }],
  })
}

function service({ owner, settings }: PlanInput, name: string, spec: V1Service['spec']): Desired<V1Service> {
  const object: V1Service = {
    apiVersion: services.apiVersion,
    kind: services.kind,
    metadata: {
      name,
      namespace: settings.operatorNamespace,
      labels: labelsOf(owner, 'server'),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    spec: { ...spec, selector: selectorLabels('server') },
  }
  return { resource: services, object }
}

const metricsPort = (name: string, port: number) => ({ name, port, targetPort: name, protocol: 'TCP' })

/** The protocol's name is for what reads it: service meshes and Ingress controllers. The port stays `http`. */
function httpPort({ spec }: PlanInput) {
  const appProtocol = spec.server?.tls === undefined ? 'http' : 'https'
  return { name: 'http', port: ports.http, targetPort: 'http', protocol: 'TCP', appProtocol }
}
