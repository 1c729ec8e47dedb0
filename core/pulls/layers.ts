import type { Layer } from '../contract/pull.ts'
import { interned } from '../lib/intern.ts'
import type { LayerState } from './pull.ts'

/** Sums over the distinct layers of one pull. Units: bytes, except `restarts`. */
export interface LayerSums {
  readonly totalBytes: number
  readonly downloadedBytes: number
  readonly cachedBytes: number
  readonly unpackedBytes: number
  readonly restarts: number
}

export function sumsOf(layers: readonly LayerState[]): LayerSums {
  let totalBytes = 0
  let downloadedBytes = 0
  let cachedBytes = 0
  let unpackedBytes = 0
  let restarts = 0
  for (const layer of layers) {
    totalBytes += layer.totalBytes
    downloadedBytes += layer.downloadedBytes
    restarts += layer.restarts
    if (layer.state === 'cached') cachedBytes += layer.totalBytes
    if (layer.state === 'cached' || layer.state === 'done') unpackedBytes += layer.totalBytes
  }
  return {
    totalBytes: counted(totalBytes),
    downloadedBytes: counted(downloadedBytes),
    cachedBytes: counted(cachedBytes),
    unpackedBytes: counted(unpackedBytes),
    restarts: counted(restarts),
  }
}

/** Each layer's number can be counted exactly; what many layers claim together may not. */
const counted = (sum: number) => Math.min(sum, Number.MAX_SAFE_INTEGER)

/**
 * The reported layers as state: known fields only, so that what else a report
 * carries is not kept alive. A layer that did not change is the same object as
 * before, and so is the list: identity says "nothing new".
 */
export function keptLayers(before: readonly LayerState[], reported: readonly Layer[]): readonly LayerState[] {
  let same = before.length === reported.length
  const layers: LayerState[] = new Array(reported.length)
  const earlier = new Earlier(before)
  for (let index = 0; index < reported.length; index++) {
    const next = reported[index]!
    const layer = keptLayer(earlier.find(next.digest, index), next)
    same &&= layer === before[index]
    layers[index] = layer
  }
  return same ? before : layers
}

/** Bytes that arrived since the last look. A layer seen for the first time brings none: it may have been resumed. */
export function newBytesOf(before: readonly LayerState[], after: readonly LayerState[]): number {
  if (before === after) return 0
  let bytes = 0
  const earlier = new Earlier(before)
  for (let index = 0; index < after.length; index++) {
    const layer = after[index]!
    if (layer === before[index] || layer.state === 'cached') continue
    const old = earlier.find(layer.digest, index)
    if (old !== undefined && layer.downloadedBytes > old.downloadedBytes) {
      bytes += layer.downloadedBytes - old.downloadedBytes
    }
  }
  return bytes
}

/** What completion means for the layers: all of it is there. Whether it is unpacked too, the agent may know. */
export function completedLayers(layers: readonly LayerState[]): readonly LayerState[] {
  if (layers.every(isWhole)) return layers
  return layers.map(layer => (isWhole(layer) ? layer : { ...layer, downloadedBytes: layer.totalBytes, state: 'done' }))
}

const isWhole = ({ state, downloadedBytes, totalBytes }: LayerState) =>
  downloadedBytes === totalBytes && (state === 'done' || state === 'cached' || state === 'downloaded')

/**
 * Finds the layer of a digest in an earlier look. Agents keep the manifest's order, so the same index is nearly
 * always it; the map is for reports that do not, whose order must not cost the square of their length.
 */
class Earlier {
  readonly #layers: readonly LayerState[]
  #byDigest: Map<string, LayerState> | undefined

  constructor(layers: readonly LayerState[]) {
    this.#layers = layers
  }

  find(digest: string, index: number): LayerState | undefined {
    if (this.#layers.length === 0) return undefined
    const atIndex = this.#layers[index]
    if (atIndex?.digest === digest) return atIndex
    this.#byDigest ??= new Map(this.#layers.map(layer => [layer.digest, layer]))
    return this.#byDigest.get(digest)
  }
}

function keptLayer(old: LayerState | undefined, layer: Layer): LayerState {
  const restarts = layer.restarts ?? 0
  const state = layer.state ?? stateOf(layer)
  if (
    old !== undefined &&
    old.downloadedBytes === layer.downloadedBytes &&
    old.totalBytes === layer.totalBytes &&
    old.totalKnown === layer.totalKnown &&
    old.state === state &&
    old.restarts === restarts
  ) {
    return old
  }
  // Each report parses its strings anew; keeping the first copy lets the others go.
  const digest = old === undefined ? interned(layer.digest) : old.digest
  const { totalBytes, totalKnown } = layer
  const downloadedBytes = totalKnown ? Math.min(layer.downloadedBytes, totalBytes) : layer.downloadedBytes
  // Written out twice: this runs for every moving layer of every report, and a spread costs more than the rest.
  // A digest has one media type, so the one that is known stands.
  const mediaType = old === undefined ? layer.mediaType && interned(layer.mediaType) : old.mediaType
  if (mediaType === undefined) return { digest, totalBytes, downloadedBytes, totalKnown, restarts, state }
  return { digest, mediaType, totalBytes, downloadedBytes, totalKnown, restarts, state }
}

/** For agents that send no state. */
function stateOf({ totalKnown, totalBytes, downloadedBytes }: Layer): LayerState['state'] {
  if (totalKnown && downloadedBytes >= totalBytes) return 'downloaded'
  return downloadedBytes > 0 ? 'downloading' : 'waiting'
}
