import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { Status } from '../../proto/generated/containerd/services/content/v1/content.ts'

/** What the agent reads of a containerd.services.content.v1.Status. */
export type Ingest = Pick<Status, 'ref' | 'offset'>

/** Tags of the wire: the field's number, and how it is written. Source: proto/containerd/services/content/v1/content.proto */
const statuses = (1 << 3) | 2
const ref = (3 << 3) | 2
const offset = (4 << 3) | 0

/**
 * Reads a ListStatusesResponse. It is the longest answer of a look, a hundred ingests beside ten pulls: the generated
 * code would read two times, a size and a digest of each, too, and take three times as long.
 */
export function ingestsIn(bytes: Uint8Array): Ingest[] {
  const reader = new BinaryReader(bytes)
  const ingests: Ingest[] = []
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag === statuses) ingests.push(ingestIn(reader, reader.uint32()))
    else reader.skip(tag & 7)
  }
  return ingests
}

function ingestIn(reader: BinaryReader, length: number): Ingest {
  const end = reader.pos + length
  const ingest = { ref: '', offset: 0 }
  while (reader.pos < end) {
    const tag = reader.uint32()
    if (tag === ref) ingest.ref = reader.string()
    else if (tag === offset) ingest.offset = Number(reader.int64())
    else reader.skip(tag & 7)
  }
  return ingest
}
