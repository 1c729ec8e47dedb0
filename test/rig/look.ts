import { openRaw, type Raw } from './raw.ts'

/** What to look at, and how often. */
export interface LookOptions {
  readonly namespaces: readonly string[]
  readonly snapshotter?: string
  readonly everyMs?: number
}

/**
 * Writes down every change of leases, their resources, ingests, blobs, snapshots and image records, and every event,
 * with the ms since it began: for people who want to see what containerd shows while it pulls. Ends with the signal.
 */
export async function look(raw: Raw, options: LookOptions, write: (line: string) => void, stop: AbortSignal) {
  const { namespaces, snapshotter = 'overlayfs', everyMs = 50 } = options
  const begun = Date.now()
  const say = (sign: string, what: string) => write(`${String(Date.now() - begun).padStart(6)} ${sign} ${short(what)}`)
  const end = raw.events(event => say('!', `${event.namespace} ${event.topic} ${event.payload}`))
  let before = new Map<string, string>()
  while (!stop.aborted) {
    const now = new Map<string, string>()
    // A containerd that is away shows nothing; what it shows when it is back is new again.
    for (const namespace of namespaces) await gather(raw, namespace, snapshotter, now).catch(() => now.clear())
    for (const [key, value] of now) {
      const was = before.get(key)
      if (was === undefined) say('+', `${key} ${value}`)
      else if (was !== value) say('~', `${key} ${value}`)
    }
    for (const key of before.keys()) if (!now.has(key)) say('-', key)
    before = now
    await new Promise(resolve => setTimeout(resolve, everyMs))
  }
  end()
}

async function gather(raw: Raw, namespace: string, snapshotter: string, into: Map<string, string>): Promise<void> {
  const put = (what: string, value: string) => into.set(`${namespace} ${what}`, value)
  for (const lease of await raw.leases(namespace)) {
    put(`lease ${lease.id}`, `created ${time(lease.createdAt)} ${labelsOf(lease.labels)}`)
    // The lease may be gone by now.
    const resources = await raw.resources(namespace, lease.id).catch(() => [])
    for (const resource of resources) put(`lease ${lease.id} has ${resource}`, '')
  }
  for (const { ref, offset, total, startedAt, expected } of await raw.ingests(namespace)) {
    put(`ingest ${ref}`, `${offset}/${total} started ${time(startedAt)} expected '${expected}'`)
  }
  for (const { digest, size, createdAt, labels } of await raw.content(namespace)) {
    put(`blob ${digest}`, `${size} created ${time(createdAt)} ${labelsOf(labels)}`)
  }
  for (const { name, parent, kind, createdAt } of await raw.snapshots(namespace, snapshotter)) {
    put(`snapshot ${name}`, `${kind} parent '${parent}' created ${time(createdAt)}`)
  }
  for (const { name, digest, createdAt, updatedAt, labels } of await raw.images(namespace)) {
    put(`image ${name}`, `-> ${digest} created ${time(createdAt)} updated ${time(updatedAt)} ${labelsOf(labels)}`)
  }
}

const time = (ms: number) => (ms > 0 ? new Date(ms).toISOString().slice(11, -1) : 'never')
const labelsOf = (labels: Record<string, string>) => {
  const text = Object.entries(labels)
    .sort()
    .map(([key, value]) => `${key.replace('containerd.io/', 'c.io/')}=${value}`)
  return `{${text.join(' ')}}`
}
/** Digests by their first 8 characters. */
const short = (text: string) => text.replace(/sha256:([0-9a-f]{8})[0-9a-f]{56}/g, '#$1')

if (import.meta.main) {
  const [socket, ...namespaces] = process.argv.slice(2)
  if (socket === undefined) throw new Error('usage: node test/rig/look.ts SOCKET [CONTAINERD-NAMESPACE...]')
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const raw = openRaw(socket)
  const asked = { namespaces: namespaces.length > 0 ? namespaces : ['k8s.io'] }
  await look(raw, asked, line => process.stdout.write(`${line}\n`), stop.signal)
  raw.close()
}
