import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Child, startChild, waitUntil } from '../rig/child.ts'
import { freePorts } from '../rig/ports.ts'
import { findProgram } from '../rig/programs.ts'
import type { ControlPlane } from './control-plane.ts'
import { clusterDnsAddress } from './node-config.ts'

export const dnsUser = 'system:coredns'

/** CoreDNS on this host, behind the cluster's usual Service of DNS. Pods need no image for it, and do not see the difference. */
export async function startDns(plane: ControlPlane, address: string): Promise<Child> {
  const [port, readyPort] = (await freePorts(2, address)) as [number, number]
  const file = path.join(plane.dir, 'Corefile')
  // A zone's port belongs to its own name only.
  await writeFile(
    file,
    `cluster.local:${port} in-addr.arpa:${port} {
    bind ${address}
    errors
    ready ${address}:${readyPort}
    kubernetes cluster.local in-addr.arpa {
        kubeconfig ${plane.kubeconfig(dnsUser)}
        pods insecure
        ttl 5
    }
    cache 5
}
.:${port} {
    bind ${address}
    errors
    forward . /etc/resolv.conf
    cache 30
}
`,
  )
  const applied = await plane.kubectl(['apply', '-f', '-'], JSON.stringify(objects(address, port)))
  if (applied.code !== 0) throw new Error(`the Service of DNS was refused: ${applied.stderr.trim()}`)
  const child = await startChild(await findProgram('coredns'), ['-conf', file], path.join(plane.dir, 'coredns.log'))
  await waitUntil(child, () =>
    fetch(`http://${address}:${readyPort}/ready`).then(
      answer => (answer.ok ? true : undefined),
      () => undefined,
    ),
  )
  return child
}

const objects = (address: string, port: number) => ({
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: dnsUser },
      rules: [
        { apiGroups: [''], resources: ['services', 'pods', 'namespaces'], verbs: ['list', 'watch'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: dnsUser },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: dnsUser },
      subjects: [{ kind: 'User', name: dnsUser, apiGroup: 'rbac.authorization.k8s.io' }],
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace: 'kube-system' },
      spec: {
        clusterIP: clusterDnsAddress,
        ports: [
          { name: 'dns', port: 53, protocol: 'UDP', targetPort: port },
          { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: port },
        ],
      },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'kube-dns-host',
        namespace: 'kube-system',
        labels: { 'kubernetes.io/service-name': 'kube-dns' },
      },
      addressType: 'IPv4',
      ports: [
        { name: 'dns', port, protocol: 'UDP' },
        { name: 'dns-tcp', port, protocol: 'TCP' },
      ],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ],
})
