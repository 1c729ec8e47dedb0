import { containerdVersions } from '../rig/containerd.ts'
import type { ContainerdVersion } from '../rig/containerd-config.ts'
import { startRig } from '../rig/rig.ts'
import { describeContainerd, type ImageToPull, type RuntimeUnderTest } from './conformance.ts'

for (const version of containerdVersions) describeContainerd(`containerd ${version}`, () => openReal(version))

async function openReal(version: ContainerdVersion): Promise<RuntimeUnderTest> {
  const rig = await startRig({ version })
  rig.proxy.limit(2 * 1024 * 1024)
  return {
    socket: rig.containerd.socket,
    namespace: 'k8s.io',
    async start(image) {
      const built = await rig.push(specOf(image))
      const stop = new AbortController()
      const ended = rig.pull(built, stop.signal).then(
        () => {},
        () => {},
      )
      const layerDigests = built.layers.map(({ digest }) => digest)
      const { targetDigest: digest, totalBytes } = built
      return {
        imageRef: built.ref(rig.proxy.host),
        digest,
        totalBytes,
        layerDigests,
        ended,
        cancel: () => stop.abort(),
      }
    },
    close: () => rig.stop(),
  }
}

function specOf({ name, layers, index = false, attestations = false }: ImageToPull) {
  const [repository, tag] = name.split(':') as [string, string]
  return {
    name: repository,
    tag,
    index,
    attestations,
    layers: layers.map(layer => ({ seed: layer.name, bytes: layer.bytes })),
  }
}
