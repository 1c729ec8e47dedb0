import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { type CallOptions, Client, credentials, Metadata } from '@grpc/grpc-js'

/**
 * containerd's read calls, decoded by hand and apart from the product's own client: what `ctr` cannot print (the
 * resources of a lease, all times, the event stream) is an oracle only when it does not share the product's code.
 * Field numbers: containerd's api/services/{leases,content,images,snapshots,events}/v1.
 */
export function openRaw(socket: string) {
  const client = new Client(`unix://${socket}`, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  })
  const path = (service: string, method: string) => `/containerd.services.${service}/${method}`
  const options = (): CallOptions => ({ deadline: Date.now() + 10_000 })
  const metadataOf = (namespace: string) => {
    const metadata = new Metadata()
    metadata.set('containerd-namespace', namespace)
    return metadata
  }

  const unary = (service: string, method: string, namespace: string, request = new Uint8Array()) =>
    new Promise<Message>((resolve, reject) => {
      const done = (error: Error | null, answer?: Message) => (error ? reject(error) : resolve(answer!))
      const name = path(service, method)
      client.makeUnaryRequest(name, asBuffer, decode, request, metadataOf(namespace), options(), done)
    })
  const stream = async (service: string, method: string, namespace: string, request = new Uint8Array()) => {
    const name = path(service, method)
    const call = client.makeServerStreamRequest(name, asBuffer, decode, request, metadataOf(namespace), options())
    const items: Message[] = []
    for await (const answer of call as AsyncIterable<Message>) items.push(...all(answer, 1))
    return items
  }

  return {
    async leases(namespace: string) {
      const answer = await unary('leases.v1.Leases', 'List', namespace)
      return all(answer, 1).map(m => ({ id: text(m, 1), createdAt: time(m, 2), labels: labels(m, 3) }))
    },
    async resources(namespace: string, lease: string) {
      const answer = await unary('leases.v1.Leases', 'ListResources', namespace, stringField(1, lease))
      return all(answer, 1).map(m => `${text(m, 2)}:${text(m, 1)}`)
    },
    async ingests(namespace: string) {
      const answer = await unary('content.v1.Content', 'ListStatuses', namespace)
      return all(answer, 1).map(m => ({
        startedAt: time(m, 1),
        updatedAt: time(m, 2),
        ref: text(m, 3),
        offset: number(m, 4),
        total: number(m, 5),
        expected: text(m, 6),
      }))
    },
    async content(namespace: string) {
      return (await stream('content.v1.Content', 'List', namespace)).map(m => ({
        digest: text(m, 1),
        size: number(m, 2),
        createdAt: time(m, 3),
        updatedAt: time(m, 4),
        labels: labels(m, 5),
      }))
    },
    async images(namespace: string) {
      const answer = await unary('images.v1.Images', 'List', namespace)
      return all(answer, 1).map(m => {
        const target = all(m, 3)[0] ?? new Map()
        return {
          name: text(m, 1),
          labels: labels(m, 2),
          mediaType: text(target, 1),
          digest: text(target, 2),
          size: number(target, 3),
          createdAt: time(m, 7),
          updatedAt: time(m, 8),
        }
      })
    },
    async snapshots(namespace: string, snapshotter: string) {
      const request = stringField(1, snapshotter)
      return (await stream('snapshots.v1.Snapshots', 'List', namespace, request)).map(m => ({
        name: text(m, 1),
        parent: text(m, 2),
        kind: ['unknown', 'view', 'active', 'committed'][number(m, 3)] ?? 'unknown',
        createdAt: time(m, 4),
        updatedAt: time(m, 5),
        labels: labels(m, 6),
      }))
    },
    /** Every event from now on, of all namespaces. Returns how to end it. */
    events(onEvent: (event: RawEvent) => void): () => void {
      const name = path('events.v1.Events', 'Subscribe')
      const call = client.makeServerStreamRequest(name, asBuffer, decode, new Uint8Array(), new Metadata(), {})
      call.on('error', () => {}) // Cancelled by us, or containerd went away: the caller sees no more events.
      call.on('data', (m: Message) => {
        const any = all(m, 4)[0] ?? new Map()
        const value = any.get(2)?.[0]
        const payload = value instanceof Uint8Array ? printable(decode(value)) : ''
        onEvent({ at: time(m, 1), namespace: text(m, 2), topic: text(m, 3), payload })
      })
      return () => call.cancel()
    },
    close: () => client.close(),
  }
}

export type Raw = ReturnType<typeof openRaw>

export interface RawEvent {
  readonly at: number
  readonly namespace: string
  readonly topic: string
  /** The payload's strings. */
  readonly payload: string
}

type Message = Map<number, (Uint8Array | number)[]>

function decode(bytes: Uint8Array): Message {
  const message: Message = new Map()
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (type !== 0 && type !== 2) reader.skip(type)
    else message.set(field, [...(message.get(field) ?? []), type === 0 ? Number(reader.int64()) : reader.bytes()])
  }
  return message
}

const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes)
const stringField = (field: number, value: string) =>
  new BinaryWriter()
    .uint32((field << 3) | 2)
    .string(value)
    .finish()
const all = (m: Message, field: number): Message[] => (m.get(field) ?? []).map(v => decode(v as Uint8Array))
const number = (m: Message, field: number): number => Number(m.get(field)?.[0] ?? 0)
const text = (m: Message, field: number): string => {
  const value = m.get(field)?.[0]
  return value instanceof Uint8Array ? Buffer.from(value).toString() : ''
}
/** Milliseconds since the Unix epoch, 0 when absent. */
const time = (m: Message, field: number): number => {
  const stamp = all(m, field)[0]
  return stamp ? number(stamp, 1) * 1000 + number(stamp, 2) / 1e6 : 0
}
const labels = (m: Message, field: number): Record<string, string> =>
  Object.fromEntries(all(m, field).map(entry => [text(entry, 1), text(entry, 2)]))

const printable = (m: Message): string =>
  [...m.values()]
    .flat()
    .map(value =>
      typeof value === 'number'
        ? String(value)
        : Buffer.from(value)
            .toString()
            .replace(/[^ -~]+/g, ' '),
    )
    .join(' | ')
