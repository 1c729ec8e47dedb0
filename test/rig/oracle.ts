import type { Containerd } from './containerd.ts'

/**
 * What `ctr` says: containerd's own client, so it shares no code with the product. It rounds sizes and times; exact
 * numbers, and the resources of a lease, are in raw.ts.
 */
export interface Oracle {
  leases(): Promise<{ id: string; createdAt: string }[]>
  /** Digests of the blobs that are there, complete. */
  blobs(): Promise<string[]>
  /** Refs of the ingests in flight: `layer-sha256:...`. */
  ingests(): Promise<string[]>
  /** Name of each image record and the digest it points to. */
  images(): Promise<Map<string, string>>
  snapshots(): Promise<{ key: string; parent: string; kind: 'Active' | 'Committed' | 'View' }[]>
}

export function openOracle(containerd: Pick<Containerd, 'ctr'>, namespace = 'k8s.io'): Oracle {
  const rows = async (...args: string[]) => {
    const lines = (await containerd.ctr(args, { namespace })).split('\n').slice(1)
    return lines.filter(line => line.trim() !== '')
  }
  const firstWords = async (...args: string[]) => (await rows(...args)).map(line => line.split(/\s+/)[0]!)
  return {
    async leases() {
      return (await rows('leases', 'ls')).map(line => {
        const [id, createdAt] = line.split(/\s+/) as [string, string]
        return { id, createdAt }
      })
    },
    blobs: () => firstWords('content', 'ls'),
    ingests: () => firstWords('content', 'active'),
    async images() {
      const words = (await rows('images', 'ls')).map(line => line.split(/\s+/))
      return new Map(words.map(([name, , digest]) => [name!, digest!]))
    },
    async snapshots() {
      return (await rows('snapshots', 'ls')).map(snapshotOf)
    },
  }
}

/** A row is `KEY PARENT KIND`; a key may hold a space (`extract-<id> <chain id>`) and a parent may be missing. */
function snapshotOf(line: string) {
  const [, key, parent, kind] = /^(extract-\S+ \S+|\S+)\s+(?:(\S+)\s+)?(Active|Committed|View)\s*$/.exec(line) ?? []
  if (key === undefined) throw new Error(`ctr printed a snapshot that cannot be read: '${line}'`)
  return { key, parent: parent ?? '', kind: kind as 'Active' | 'Committed' | 'View' }
}

/** A pull by another client than the kubelet, in its own containerd namespace. */
export async function pullWithCtr(
  containerd: Containerd,
  ref: string,
  options: { namespace?: string; signal?: AbortSignal } = {},
): Promise<void> {
  await containerd.ctr(['images', 'pull', '--hosts-dir', containerd.hostsDir, ref], {
    namespace: 'default',
    ...options,
  })
}
