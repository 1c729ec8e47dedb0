import type { FakeApiServer } from '../../../core/kube/api-server.fake.ts'
import type { CoreV1Event, V1ContainerStatus, V1Pod } from '../../../core/kube/objects.ts'
import { events, pods } from '../../../core/kube/resources.ts'

/** Writes to an API server what a kubelet would. Times are now, cut to the second, unless they are given. */
export class FakeKubelet {
  readonly #api: FakeApiServer
  readonly nodeName: string
  readonly #uids = new Map<string, string>()
  #events = 0

  constructor(api: FakeApiServer, nodeName = 'node-a') {
    this.#api = api
    this.nodeName = nodeName
  }

  /** A pending pod with one container `main`, of a Deployment named as the pod's name up to its first hyphen. */
  pod(
    name: string,
    image: string,
    status: Partial<V1ContainerStatus> = {},
    more: { namespace?: string; phase?: string } = {},
  ): V1Pod {
    const { namespace = 'shop', phase = 'Pending' } = more
    const hash = 'abc12'
    const owner = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      name: `${name.split('-')[0]}-${hash}`,
      uid: 'rs',
      controller: true,
    }
    const state = { waiting: { reason: 'ContainerCreating' } }
    const pod = this.#api.put(pods, {
      metadata: {
        name,
        namespace,
        labels: { 'pod-template-hash': hash },
        ownerReferences: [owner],
      },
      spec: { nodeName: this.nodeName, containers: [{ name: 'main', image }] },
      status: {
        phase,
        containerStatuses: [{ name: 'main', image, imageID: '', ready: false, restartCount: 0, state, ...status }],
      },
    } as V1Pod)
    this.#uids.set(name, pod.metadata!.uid!)
    return pod
  }

  uidOf(podName: string): string {
    return this.#uids.get(podName)!
  }

  remove(name: string, namespace = 'shop'): void {
    this.#api.remove(pods, `${namespace}/${name}`)
  }

  says(
    podName: string,
    reason: string,
    message: string,
    more: Partial<CoreV1Event> & { namespace?: string } = {},
  ): void {
    const { namespace = 'shop', ...rest } = more
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z')
    this.#api.put(events, {
      metadata: { name: `${podName}.${++this.#events}`, namespace },
      involvedObject: {
        kind: 'Pod',
        namespace,
        name: podName,
        uid: this.uidOf(podName),
        fieldPath: 'spec.containers{main}',
      },
      reason,
      message,
      type: reason === 'Failed' ? 'Warning' : 'Normal',
      source: { component: 'kubelet', host: this.nodeName },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      ...rest,
    } as CoreV1Event)
  }

  pulling(podName: string, more: Partial<CoreV1Event> & { namespace?: string } = {}): void {
    this.says(podName, 'Pulling', 'Pulling image "x"', more)
  }

  failed(podName: string, why: string): void {
    this.says(podName, 'Failed', `Failed to pull image "x": rpc error: code = Unknown desc = ${why}`)
    this.says(podName, 'Failed', 'Error: ErrImagePull')
  }
}
