import { type ContainerdNamespace, snapshotTypeOf } from './containerd-namespace.ts'

const contentRef = 'containerd.io/gc.ref.content.'
const snapshotRef = 'containerd.io/gc.ref.snapshot.'

/** Removes what neither an image record nor a lease leads to, as containerd's garbage collector would. */
export function collectGarbage(namespace: ContainerdNamespace): void {
  const { blobs, ingests, snapshots, images, leases } = namespace
  const kept = new Set<string>()
  const queue: string[] = [...images.values()].map(image => `content ${image.target.digest}`)
  for (const lease of leases.values()) queue.push(...lease.resources.keys())
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (kept.has(node)) continue
    kept.add(node)
    const [type, ...rest] = node.split(' ')
    // The key of an extraction has a space in it.
    const id = rest.join(' ')
    if (type === 'content') queue.push(...childrenOf(blobs.get(id)?.labels ?? {}))
    const snapshot = type?.startsWith('snapshots/') ? snapshots.get(id) : undefined
    if (snapshot?.parent) queue.push(`${snapshotTypeOf(snapshot)} ${snapshot.parent}`)
  }
  for (const digest of blobs.keys()) if (!kept.has(`content ${digest}`)) blobs.delete(digest)
  for (const ref of ingests.keys()) if (!kept.has(`ingests ${ref}`)) ingests.delete(ref)
  for (const [key, snapshot] of snapshots) {
    if (!kept.has(`${snapshotTypeOf(snapshot)} ${key}`)) snapshots.delete(key)
  }
}

function childrenOf(labels: Readonly<Record<string, string>>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => {
    if (name.startsWith(contentRef)) return [`content ${value}`]
    return name.startsWith(snapshotRef) ? [`snapshots/${name.slice(snapshotRef.length)} ${value}`] : []
  })
}
