import { type Containerd, type ContainerdOptions, startContainerd } from './containerd.ts'
import { type BuiltImage, buildImage, type ImageSpec } from './images.ts'
import { type Oracle, openOracle } from './oracle.ts'
import { type RegistryProxy, startProxy } from './proxy.ts'
import { pushImage } from './push.ts'
import { openRaw, type Raw } from './raw.ts'
import { type Registry, startRegistry } from './registry.ts'

/** One containerd that pulls from one registry through one proxy: what most tests need. */
export interface Rig {
  readonly registry: Registry
  readonly proxy: RegistryProxy
  readonly containerd: Containerd
  /** Of containerd namespace `k8s.io`. */
  readonly oracle: Oracle
  readonly raw: Raw
  /** Builds the image and puts it into the registry. */
  push(spec: ImageSpec): Promise<BuiltImage>
  /** Pulls it through the proxy as the kubelet does; resolves with the image id. */
  pull(image: BuiltImage, signal?: AbortSignal): Promise<string>
  /** Ends everything, in reverse order, and removes what it left. */
  stop(): Promise<void>
}

export async function startRig(options: Omit<ContainerdOptions, 'plainHttp'>): Promise<Rig> {
  await using started = new AsyncDisposableStack()
  const registry = await startRegistry()
  started.defer(() => registry.stop())
  const proxy = await startProxy(registry.host)
  started.defer(() => proxy.stop())
  const containerd = await startContainerd({ ...options, plainHttp: [proxy.host] })
  started.defer(() => containerd.stop())
  const raw = openRaw(containerd.socket)
  started.defer(() => raw.close())

  const running = started.move()
  return {
    registry,
    proxy,
    containerd,
    oracle: openOracle(containerd),
    raw,
    async push(spec) {
      const image = await buildImage(spec)
      await pushImage(registry.host, image)
      return image
    },
    pull: (image, signal) => containerd.cri.pull(image.ref(proxy.host), signal),
    stop: () => running.disposeAsync(),
  }
}
