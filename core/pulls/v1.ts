import { createHash } from 'node:crypto'
import type { AgentReportV1, ReportedPull } from '../contract/agent-report.ts'
import type { Layer } from '../contract/pull.ts'
import { pullBounds } from '../contract/words.ts'
import { layersOf, noLayers } from './layers.ts'
import type { NodeState } from './node.ts'
import type { PullState } from './pull.ts'
import { base32 } from './pull-id.ts'
import type { Snapshot } from './snapshot.ts'

/** v1 agents name an ingest they cannot place by its raw ref. All of a node's go under this name. */
export const unnamedImage = '(layers of unnamed images)'
const rawRef = /^(layer|manifest|index|config|attestation|unknown)-[a-z0-9]+:/

type PullV1 = AgentReportV1['pulls'][number]

/**
 * A v1 report as a snapshot with ids, phases and ends. v1 has no ends: a pull that
 * was live and is absent ended, well if all its layers were there, else nobody knows.
 */
export function snapshotOfV1(old: NodeState | undefined, report: AgentReportV1): Snapshot {
  const named = report.pulls.filter(pull => !rawRef.test(pull.imageRef))
  const raw = report.pulls.filter(pull => rawRef.test(pull.imageRef))
  const pulls = new Map<string, ReportedPull>()
  for (const pull of named) {
    const id = idOfV1(report.nodeName, pull.imageRef, pull.startedAt)
    pulls.set(id, reportedOf(id, pull, report.timestamp))
  }
  if (raw.length > 0) {
    const group = groupOf(old, report.nodeName, raw)
    pulls.set(group.id, group)
  }
  for (const pull of old?.pulls.values() ?? []) {
    if (!pulls.has(pull.id)) pulls.set(pull.id, goneOf(pull, report.timestamp))
  }
  return { nodeName: report.nodeName, timestamp: report.timestamp, pulls: [...pulls.values()] }
}

const idOfV1 = (nodeName: string, imageRef: string, startedAt: string) =>
  base32(
    createHash('sha256')
      .update(JSON.stringify([nodeName, imageRef, startedAt]))
      .digest(),
  ).slice(0, 26)

function reportedOf(id: string, pull: PullV1, timestamp: string): ReportedPull {
  const layers = distinct(pull.layers)
  const base = { id, imageRef: pull.imageRef, startedAt: pull.startedAt, totalKnown: pull.totalKnown, layers }
  if (pull.error) {
    return { ...base, phase: 'failed', completedAt: timestamp, error: { code: 'Unknown', message: pull.error } }
  }
  if (pull.completedAt) return { ...base, phase: isWhole(layers) ? 'completed' : 'unknown', completedAt: timestamp }
  return { ...base, phase: layers.length === 0 ? 'resolving' : 'downloading' }
}

/** One pull a node, alive while any raw ref is there; refs that vanish stay in it as they were last seen. */
function groupOf(old: NodeState | undefined, nodeName: string, raw: readonly PullV1[]): ReportedPull {
  const live = [...(old?.pulls.values() ?? [])].find(pull => pull.imageRef === unnamedImage)
  const startedAt = live ? new Date(live.startedAtMs).toISOString() : raw.map(pull => pull.startedAt).sort()[0]!
  return {
    id: live?.id ?? idOfV1(nodeName, unnamedImage, startedAt),
    imageRef: unnamedImage,
    startedAt,
    totalKnown: false,
    phase: 'downloading',
    layers: groupLayers(layersOf(live?.layers ?? noLayers), distinct(raw.flatMap(pull => pull.layers))),
  }
}

/** At most as many as a pull may have: while refs come and go the group would grow for ever. The oldest go first. */
function groupLayers(before: readonly Layer[], reported: readonly Layer[]): Layer[] {
  const all = distinct([...before, ...reported])
  if (all.length <= pullBounds.layers) return all
  const digests = new Set(reported.map(({ digest }) => digest))
  const gone = before.filter(({ digest }) => !digests.has(digest))
  return [...gone, ...reported].slice(-pullBounds.layers)
}

function goneOf(pull: PullState, timestamp: string): ReportedPull {
  return {
    id: pull.id,
    imageRef: pull.imageRef,
    startedAt: new Date(pull.startedAtMs).toISOString(),
    totalKnown: pull.totalKnown,
    phase: isWhole(layersOf(pull.layers)) ? 'completed' : 'unknown',
    completedAt: timestamp,
    layers: [],
  }
}

const isWhole = (layers: readonly Layer[]) =>
  layers.length > 0 && layers.every(layer => layer.totalKnown && layer.downloadedBytes >= layer.totalBytes)

/** v1 agents may list a layer twice; the later one is the newer look. */
function distinct(layers: readonly Layer[]): Layer[] {
  return [...new Map(layers.map(layer => [layer.digest, layer])).values()]
}
