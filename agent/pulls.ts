import type { ReportedPull } from '../core/contract/agent-report.ts'
import type { Layer } from '../core/contract/pull.ts'
import { unresolvedImage } from '../core/contract/words.ts'
import { pullIdOf } from '../core/pulls/pull-id.ts'
import { type Ending, endingOf, freshRecords } from './ending.ts'
import { activeNameOf, endedNameOf, recordOf } from './image-name.ts'
import { isLazy, type LayerTrail, layerOf, newTrail, trailOf } from './layers.ts'
import type { FoundImage, GoneLease, ImageRecord, LeaseKey, RuntimeSnapshot, SeenImage, SeenLease } from './source.ts'

/** What is remembered from look to look. */
export interface PullsState {
  readonly tracked: ReadonlyMap<string, TrackedPull>
  /** Of the leases of the last look, by their exact name: a hash for each pull and look is worth remembering. */
  readonly ids: ReadonlyMap<string, string>
  /** Records that ended pulls have taken as their name: name -> when it was written. */
  readonly taken: ReadonlyMap<string, number>
}

const idOf = (node: string, { namespace, leaseId, createdAt }: Pick<LeaseKey, 'namespace' | 'leaseId' | 'createdAt'>) =>
  pullIdOf(node, namespace, leaseId, createdAt)

interface TrackedPull {
  readonly trails: ReadonlyMap<string, LayerTrail>
  /** As last reported; undefined while it may turn out to be no pull. */
  readonly pull: ReportedPull | undefined
  readonly createdMs: number
}

export const noPulls: PullsState = { tracked: new Map(), ids: new Map(), taken: new Map() }

export interface PullsStep {
  readonly state: PullsState
  readonly active: readonly ReportedPull[]
  /** Each pull that ended, once. */
  readonly ended: readonly ReportedPull[]
}

/** An empty lease this young is not shown: most are something short, or a pull that is about to say more. */
const resolvingAgeMs = 1_000

/** Turns what a look saw into pulls: one lease, one pull. */
export function stepPulls(node: string, before: PullsState, look: RuntimeSnapshot): PullsStep {
  const tracked = new Map(before.tracked)
  const taken = new Map(before.taken)
  const ids = new Map<string, string>()
  for (const lease of look.leases) {
    const name = `${lease.namespace}/${lease.leaseId}/${lease.createdAt}`
    const id = before.ids.get(name) ?? idOf(node, lease)
    ids.set(name, id)
    tracked.set(id, trackPull(id, tracked.get(id), lease, look.atMs))
  }
  const ended = new Map<string, ReportedPull>()
  for (const image of look.found) {
    const pull = foundPull(node, image, taken)
    ended.set(pull.id, pull)
    tracked.delete(pull.id)
  }
  for (const lease of look.gone) {
    const id = idOf(node, lease)
    const last = tracked.get(id)
    tracked.delete(id)
    if (ended.has(id) || (!lease.image && !last?.pull)) continue
    ended.set(id, endPull(id, last, lease, look.atMs, taken))
  }
  const oldestMs = Math.min(...[...tracked.values()].map(({ createdMs }) => createdMs))
  for (const [name, updatedMs] of taken) if (updatedMs < oldestMs) taken.delete(name)
  const active = [...tracked.values()].flatMap(({ pull }) => pull ?? [])
  return { state: { tracked, ids, taken }, active, ended: [...ended.values()] }
}

function trackPull(id: string, before: TrackedPull | undefined, lease: SeenLease, atMs: number): TrackedPull {
  const trails = trailsOf(before, lease.image)
  const shown = lease.kind === 'pull' || before?.pull !== undefined || atMs - lease.createdMs >= resolvingAgeMs
  return { trails, pull: shown ? activePull(id, before?.pull, lease, trails) : undefined, createdMs: lease.createdMs }
}

function trailsOf(before: TrackedPull | undefined, image: SeenImage | undefined): ReadonlyMap<string, LayerTrail> {
  const trails = new Map(before?.trails)
  for (const layer of image?.layers ?? []) {
    trails.set(layer.digest, trailOf(trails.get(layer.digest) ?? newTrail, layer))
  }
  return trails
}

type Trails = ReadonlyMap<string, LayerTrail>

function activePull(id: string, before: ReportedPull | undefined, lease: SeenLease, trails: Trails): ReportedPull {
  const { image, createdMs } = lease
  const layers = layersOf(image, createdMs, trails)
  const lazy = before?.phase === 'lazy' || image?.layers?.some(layer => isLazy(layer, createdMs)) === true
  return {
    ...frameOf(id, lease, image),
    phase: layers ? (lazy ? 'lazy' : phaseOf(layers)) : 'resolving',
    layers: layers ?? [],
  }
}

const layersOf = (image: SeenImage | undefined, sinceMs: number, trails: Trails): Layer[] | undefined =>
  image?.layers?.map(layer => layerOf(layer, sinceMs, trails.get(layer.digest) ?? newTrail))

const phaseOf = (layers: readonly Layer[]) =>
  layers.some(({ state }) => state === 'waiting' || state === 'downloading') ? 'downloading' : 'unpacking'

function frameOf(id: string, { createdMs }: Pick<LeaseKey, 'createdMs'>, image: SeenImage | undefined) {
  const name = image && activeNameOf(image)
  return {
    id,
    imageRef: name?.imageRef ?? unresolvedImage,
    ...(name?.repository !== undefined && { repository: name.repository }),
    ...(image && { digest: image.digest }),
    ...(image?.platform !== undefined && { platform: image.platform }),
    startedAt: timeOf(createdMs),
    totalKnown: image?.layers !== undefined,
  }
}

function endPull(id: string, last: TrackedPull | undefined, gone: GoneLease, atMs: number, taken: Map<string, number>) {
  const { image, createdMs } = gone
  const record = image && takeRecord(image, freshRecords(gone), taken)
  // Ingests of a manifest were seen, or an empty lease for a second: what it was cannot be told.
  const unpacking = last?.pull?.layers.some(({ state }) => state === 'unpacking' || state === 'done') === true
  const ending: Ending = image
    ? endingOf(gone, record, unpacking, atMs)
    : { phase: 'unknown', endedMs: atMs, error: null }
  const before = new Map(last?.pull?.layers.map(layer => [layer.digest, layer]))
  const seen = layersOf(image, createdMs, trailsOf(last, image))
  const unpacked = gone.evidence.topSnapshotMs !== undefined
  const layers = (seen ?? last?.pull?.layers ?? []).map(layer =>
    ending.phase === 'completed'
      ? completedLayer(layer, unpacked, last?.pull?.phase === 'lazy')
      : lastKnown(layer, before),
  )
  return endedPull({ ...last?.pull, ...frameOf(id, gone, image) }, image, record, ending, layers)
}

function foundPull(node: string, found: FoundImage, taken: Map<string, number>): ReportedPull {
  const { image, records, namespace, manifestCreatedAt, manifestCreatedMs, lease } = found
  const createdMs = lease?.createdMs ?? manifestCreatedMs
  // No lease was seen: the arrival of this manifest in this namespace is as unique.
  const identity = lease ?? { namespace, leaseId: `manifest:${image.digest}`, createdAt: manifestCreatedAt }
  const record = takeRecord(image, records, taken)
  const endedMs = record?.updatedMs ?? Math.max(createdMs, ...records.map(({ updatedMs }) => updatedMs))
  const unpacked = image.layers?.some(({ snapshotCreatedMs }) => snapshotCreatedMs !== undefined) === true
  const layers = (layersOf(image, createdMs, new Map()) ?? []).map(layer => completedLayer(layer, unpacked, false))
  const frame = frameOf(idOf(node, identity), { createdMs }, image)
  return endedPull(frame, image, record, { phase: 'completed', endedMs, error: null }, layers)
}

function endedPull(
  frame: ReturnType<typeof frameOf>,
  image: SeenImage | undefined,
  record: ImageRecord | undefined,
  { phase, endedMs, error }: Ending,
  layers: Layer[],
): ReportedPull {
  const name = image && endedNameOf(image, record)
  return {
    ...frame,
    ...(name && { imageRef: name.imageRef }),
    ...(name?.repository !== undefined && { repository: name.repository }),
    phase,
    completedAt: timeOf(Math.max(endedMs, Date.parse(frame.startedAt))),
    error,
    layers,
  }
}

function takeRecord(image: SeenImage, records: readonly ImageRecord[], taken: Map<string, number>) {
  const record = recordOf(image, records, ({ name, updatedMs }) => taken.get(name) === updatedMs)
  if (record) taken.set(record.name, record.updatedMs)
  return record
}

/** The image is there, so every layer is, whatever the last look saw of it. */
function completedLayer(layer: Layer, unpacked: boolean, lazy: boolean): Layer {
  if (layer.state === 'cached') return layer
  const downloadedBytes = lazy ? layer.downloadedBytes : layer.totalBytes
  return { ...layer, downloadedBytes, state: unpacked ? 'done' : 'downloaded' }
}

/** An ingest goes with its pull: what it held is said by the look before. */
const lastKnown = (layer: Layer, before: ReadonlyMap<string, Layer>): Layer =>
  layer.state === 'waiting' ? (before.get(layer.digest) ?? layer) : layer

const timeOf = (ms: number): string => new Date(Math.floor(ms)).toISOString()
