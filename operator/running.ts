import { clusterNames } from '../core/contract/cluster-names.ts'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { KubeObject, Resource, V1ConfigMap, V1Service } from '../core/kube/objects.ts'
import { configMaps, daemonSets, services, statefulSets } from '../core/kube/resources.ts'
import type { Desired } from './plan/input.ts'
import type { Running } from './status.ts'

/** Of what one config made, the parts that its status speaks of. */
export function runningOf(owned: readonly Desired[], spec: PulltraceConfigSpec | undefined): Running {
  const find = <T extends KubeObject>({ kind }: Resource<T>, name: string) =>
    owned.find(({ resource, object }) => resource.kind === kind && object.metadata?.name === name)?.object as
      | T
      | undefined
  const service: V1Service | undefined = find(services, clusterNames.server)
  const settings: V1ConfigMap | undefined = find(configMaps, clusterNames.settings)
  // Of a spec that could not be read, what it was when the Service was made is in the Service.
  const tls = spec ? spec.server?.tls !== undefined : service?.spec?.ports?.[0]?.appProtocol === 'https'
  return {
    daemonSet: find(daemonSets, clusterNames.agent),
    statefulSet: find(statefulSets, clusterNames.server),
    settings,
    service,
    tls,
  }
}
