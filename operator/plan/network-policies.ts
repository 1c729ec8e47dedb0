import { clusterNames, ports } from '../../core/contract/cluster-names.ts'
import type { V1NetworkPolicy } from '../../core/kube/objects.ts'
import { networkPolicies } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { type Component, labelsOf, ownerReferenceOf, selectorLabels } from './labels.ts'

const open = [ports.http, ports.serverMetrics]
const openWithRules = [ports.sensorApi, ports.sensorApiMetrics, ports.webUi, ports.webUiMetrics]
const tcp = (port: number) => ({ port, protocol: 'TCP' })
/** A policy sees the port of the pod, not of its Service: CoreDNS listens on 5353 on OpenShift, on 8053 on Gardener. */
const dnsPorts = [53, 5353, 8053]
const namespaceNamed = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } })

/**
 * Who may reach the server: everyone on the ports it has, since readers and sensors may be anywhere and each proves
 * who they are. What it may reach is not limited: the address of the API server is not known to a policy.
 */
export function serverNetworkPolicy(input: PlanInput): Desired<V1NetworkPolicy> {
  return policy(input, 'server', clusterNames.server, input.settings.operatorNamespace, {
    policyTypes: ['Ingress'],
    ingress: [{ ports: [...open, ...(input.spec.rules?.enabled ? openWithRules : [])].map(tcp) }],
  })
}

/** An agent stands beside the runtime's socket: it may speak to our server and to DNS, and to nobody else. */
export function agentNetworkPolicy(input: PlanInput): Desired<V1NetworkPolicy> {
  return policy(input, 'agent', clusterNames.agent, input.settings.agentNamespace, {
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{ ports: [tcp(ports.agentMetrics)] }],
    egress: [
      {
        to: [
          {
            namespaceSelector: namespaceNamed(input.settings.operatorNamespace),
            podSelector: { matchLabels: selectorLabels('server') },
          },
        ],
        ports: [tcp(ports.http)],
      },
      // To any address: a cache on the node answers from a link-local one, and DNS pods have other labels elsewhere.
      { ports: dnsPorts.flatMap(port => [{ port, protocol: 'UDP' }, tcp(port)]) },
    ],
  })
}

function policy(
  { owner }: PlanInput,
  component: Component,
  name: string,
  namespace: string,
  rules: Omit<NonNullable<V1NetworkPolicy['spec']>, 'podSelector'>,
): Desired<V1NetworkPolicy> {
  const object: V1NetworkPolicy = {
    apiVersion: networkPolicies.apiVersion,
    kind: networkPolicies.kind,
    metadata: {
      name,
      namespace,
      labels: labelsOf(owner, component),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    spec: { podSelector: { matchLabels: selectorLabels(component) }, ...rules },
  }
  return { resource: networkPolicies, object }
}
