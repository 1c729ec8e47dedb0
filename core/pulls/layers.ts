import type { Layer } from '../contract/pull.ts'
import type { LayerState } from '../contract/words.ts'
import { Interned, interned } from '../lib/intern.ts'

/** A layer with all that is known of it, present. */
export type KnownLayer = Required<Omit<Layer, 'mediaType'>> & Pick<Layer, 'mediaType'>

/** What the manifest says of the layers, a column each. */
interface LayerFacts {
  readonly digests: readonly string[]
  readonly mediaTypes: readonly (string | undefined)[]
  readonly totalBytes: readonly number[]
  readonly totalKnown: readonly boolean[]
}

/**
 * The distinct layers of one pull in the order of its manifest; a place in all columns is a layer. Immutable: pulls share
 * columns. A report moves bytes and nearly nothing else, so most columns are those of the state before and bytes are one
 * list; an object for each layer that moves would be most of what the server has to keep and let go.
 */
export interface Layers {
  readonly facts: LayerFacts
  readonly downloadedBytes: readonly number[]
  readonly states: readonly LayerState[]
  readonly restarts: readonly number[]
}

export const noLayers: Layers = {
  facts: { digests: [], mediaTypes: [], totalBytes: [], totalKnown: [] },
  downloadedBytes: [],
  states: [],
  restarts: [],
}

export const layerCountOf = ({ states }: Layers): number => states.length

/** A layer at a time, as readers see them. */
export function layersOf({ facts, downloadedBytes, states, restarts }: Layers): KnownLayer[] {
  return facts.digests.map((digest, at) => {
    const mediaType = facts.mediaTypes[at]
    return {
      digest,
      ...(mediaType !== undefined && { mediaType }),
      totalBytes: facts.totalBytes[at]!,
      downloadedBytes: downloadedBytes[at]!,
      totalKnown: facts.totalKnown[at]!,
      restarts: restarts[at]!,
      state: states[at]!,
    }
  })
}

/** The other way round, for what was stored. */
export function layersFrom(known: readonly KnownLayer[]): Layers {
  return {
    facts: {
      digests: known.map(({ digest }) => digest),
      mediaTypes: known.map(({ mediaType }) => mediaType),
      totalBytes: known.map(({ totalBytes }) => totalBytes),
      totalKnown: known.map(({ totalKnown }) => totalKnown),
    },
    downloadedBytes: known.map(({ downloadedBytes }) => downloadedBytes),
    states: known.map(({ state }) => state),
    restarts: known.map(({ restarts }) => restarts),
  }
}

/** Sums over the distinct layers of one pull. Units: bytes, except `restarts`. */
export interface LayerSums {
  readonly totalBytes: number
  readonly downloadedBytes: number
  readonly cachedBytes: number
  readonly unpackedBytes: number
  readonly restarts: number
}

export function sumsOf(layers: Layers): LayerSums {
  const { states, facts } = layers
  let totalBytes = 0
  let downloadedBytes = 0
  let cachedBytes = 0
  let unpackedBytes = 0
  let restarts = 0
  for (let at = 0; at < states.length; at++) {
    const state = states[at]
    const bytes = facts.totalBytes[at]!
    totalBytes += bytes
    downloadedBytes += layers.downloadedBytes[at]!
    restarts += layers.restarts[at]!
    if (state === 'cached') cachedBytes += bytes
    if (state === 'cached' || state === 'done') unpackedBytes += bytes
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
 * The reported layers as state: known fields only, so that what else a report carries is not kept alive. The same
 * object as before when no layer has changed: identity says "nothing new".
 */
export function keptLayers(before: Layers, reported: readonly Layer[]): Layers {
  return sameManifest(before.facts, reported) ? moved(before, reported) : laidOut(before, reported)
}

/** Bytes that arrived since the last look. A layer seen for the first time brings none: it may have been resumed. */
export function newBytesOf(before: Layers, after: Layers): number {
  if (before.downloadedBytes === after.downloadedBytes && before.facts === after.facts) return 0
  const earlier = before.facts === after.facts ? undefined : placesOf(before)
  let bytes = 0
  for (let at = 0; at < after.states.length; at++) {
    if (after.states[at] === 'cached') continue
    const then = earlier === undefined ? at : earlier.get(after.facts.digests[at]!)
    if (then !== undefined) bytes += Math.max(0, after.downloadedBytes[at]! - before.downloadedBytes[then]!)
  }
  return bytes
}

/** What completion means for the layers: all of it is there. Whether it is unpacked too, the agent may know. */
export function completedLayers(layers: Layers): Layers {
  const { facts, downloadedBytes, states } = layers
  const isWhole = (state: LayerState, at: number) =>
    downloadedBytes[at] === facts.totalBytes[at] && (state === 'done' || state === 'cached' || state === 'downloaded')
  if (states.every(isWhole)) return layers
  return {
    ...layers,
    downloadedBytes: facts.totalBytes,
    states: states.map((state, at) => (isWhole(state, at) ? state : 'done')),
  }
}

/** Whether the report says of the manifest what is known of it: all but always. */
function sameManifest({ digests, totalBytes, totalKnown }: LayerFacts, reported: readonly Layer[]): boolean {
  if (digests.length !== reported.length) return false
  for (let at = 0; at < reported.length; at++) {
    const layer = reported[at]!
    if (layer.digest !== digests[at] || layer.totalBytes !== totalBytes[at] || layer.totalKnown !== totalKnown[at]) {
      return false
    }
  }
  return true
}

function moved(before: Layers, reported: readonly Layer[]): Layers {
  let { downloadedBytes, states, restarts } = before
  for (let at = 0; at < reported.length; at++) {
    const layer = reported[at]!
    downloadedBytes = withValue(downloadedBytes, before.downloadedBytes, at, heldBytesOf(layer))
    states = withValue(states, before.states, at, stateOf(layer))
    restarts = withValue(restarts, before.restarts, at, layer.restarts ?? 0)
  }
  if (downloadedBytes === before.downloadedBytes && states === before.states && restarts === before.restarts) {
    return before
  }
  return { facts: before.facts, downloadedBytes, states, restarts }
}

/** `now` is `before` until a value differs, and a copy that may be written from then on. */
function withValue<T>(now: readonly T[], before: readonly T[], at: number, value: T): readonly T[] {
  if (now[at] === value) return now
  const copy = now === before ? before.slice() : (now as T[])
  copy[at] = value
  return copy
}

/** The first look, or a manifest that is known better now. */
function laidOut(before: Layers, reported: readonly Layer[]): Layers {
  return {
    facts: factsOf(before, reported),
    downloadedBytes: reported.map(heldBytesOf),
    states: reported.map(stateOf),
    restarts: knownRestarts.of(
      `${reported.length}`,
      reported.map(({ restarts = 0 }) => restarts),
    ),
  }
}

function factsOf(before: Layers, reported: readonly Layer[]): LayerFacts {
  const earlier = placesOf(before)
  const placeOf = ({ digest }: Layer) => earlier.get(digest) ?? -1
  return knownFacts.of(`${reported.length} ${reported.at(-1)?.digest}`, {
    // Each report parses its strings anew; keeping the first copy lets the others go.
    digests: reported.map(layer => before.facts.digests[placeOf(layer)] ?? interned(layer.digest)),
    // A digest has one media type, so the one that is known stands.
    mediaTypes: reported.map(layer => {
      const place = placeOf(layer)
      return place < 0 ? layer.mediaType && interned(layer.mediaType) : before.facts.mediaTypes[place]
    }),
    totalBytes: reported.map(({ totalBytes }) => totalBytes),
    totalKnown: reported.map(({ totalKnown }) => totalKnown),
  })
}

/** All nodes that pull an image share what is the same for all of them. */
const knownFacts = new Interned<LayerFacts>(
  (one, other) =>
    sameColumn(one.digests, other.digests) &&
    sameColumn(one.totalBytes, other.totalBytes) &&
    sameColumn(one.totalKnown, other.totalKnown) &&
    sameColumn(one.mediaTypes, other.mediaTypes),
)
const knownRestarts = new Interned<readonly number[]>(sameColumn)

function sameColumn(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at])
}

const placesOf = ({ facts }: Layers) => new Map(facts.digests.map((digest, at) => [digest, at]))

const heldBytesOf = ({ totalKnown, totalBytes, downloadedBytes }: Layer) =>
  totalKnown ? Math.min(downloadedBytes, totalBytes) : downloadedBytes

/** Some agents send no state. */
function stateOf({ state, totalKnown, totalBytes, downloadedBytes }: Layer): LayerState {
  if (state !== undefined) return state
  if (totalKnown && downloadedBytes >= totalBytes) return 'downloaded'
  return downloadedBytes > 0 ? 'downloading' : 'waiting'
}
