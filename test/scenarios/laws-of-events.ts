import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { layerFaults } from './laws-of-reports.ts'
import type { Recording } from './recording.ts'

/** What was told of one pull in one life of the server. */
interface Told {
  started: number
  ended: number
  last: Pull | undefined
}

const rank: Readonly<Record<string, number>> = { queued: 0, resolving: 1, downloading: 2, lazy: 2, unpacking: 3 }
const rankOf = ({ phase }: Pull): number => rank[phase] ?? 4

/** What must hold for every event, in the order a client sees them. */
export function faultsOfEvents(recording: Recording): string[] {
  const faults: string[] = []
  let told = new Map<string, Told>()
  const ends = new Map<string, number>()
  let position: { readonly epoch: string; readonly seq: number } | undefined
  /** After a reset comes the state, without starts. */
  let inState = false
  for (const { id, name, event } of recording.events) {
    if (name === 'reset') {
      told = new Map()
      position = undefined
      inState = true
    }
    if (name === 'synced') inState = false
    if (id !== undefined) {
      const next = positionOf(id)
      if (position && (next.epoch !== position.epoch || next.seq <= position.seq)) {
        faults.push(`event ${id} comes after ${position.epoch}-${position.seq}`)
      }
      position = next
    }
    if (!event) continue
    const { pull } = event
    const fault = (text: string) => faults.push(`event ${id}: ${event.type} of ${pull.id} (${pull.phase}) ${text}`)
    const one = told.get(pull.id) ?? { started: 0, ended: 0, last: undefined }
    told.set(pull.id, one)
    if (inState && id === undefined) one.started += 1
    for (const text of [...orderFaults(one, event), ...pullFaults(pull, recording)]) fault(text)
    if (one.last) for (const text of stepFaults(one.last, pull)) fault(text)
    if (event.type === 'pull.completed' || event.type === 'pull.failed') ends.set(pull.id, (ends.get(pull.id) ?? 0) + 1)
    one.last = pull
  }
  for (const [id, count] of ends) if (count !== 1) faults.push(`${id} ended ${count} times`)
  return faults
}

const positionOf = (id: string) => {
  const at = id.lastIndexOf('-')
  return { epoch: id.slice(0, at), seq: Number(id.slice(at + 1)) }
}

function orderFaults(one: Told, { type, pull }: PullEvent): string[] {
  const faults: string[] = []
  const terminal = pull.phase === 'completed' || pull.phase === 'failed' || pull.phase === 'unknown'
  if (type === 'pull.started') one.started += 1
  if (one.started !== 1) faults.push(`comes after ${one.started} starts`)
  if (one.ended > 0) faults.push('comes after its end')
  if (type === 'pull.completed' || type === 'pull.failed') one.ended += 1
  if (type === 'pull.completed' && pull.phase !== 'completed') faults.push('is no completed pull')
  if (type === 'pull.failed' && pull.phase !== 'failed' && pull.phase !== 'unknown') faults.push('is no failed pull')
  // A pull that was over when it was first seen starts as what it is.
  if (type === 'pull.progress' && terminal) faults.push('is progress of a pull that ended')
  return faults
}

function pullFaults(pull: Pull, { calls, nodeName }: Recording): string[] {
  const faults: string[] = []
  if (pull.nodeName !== nodeName) faults.push(`is of node ${pull.nodeName}`)
  if (!pull.totalKnown) return pull.phase === 'completed' ? [...faults, 'is completed without a total'] : faults
  const image = calls.find(call => call.image.targetDigest === pull.digest)?.image
  if (!image) return [...faults, `has digest ${pull.digest}, which nobody pulled`]
  faults.push(...layerFaults(pull.layers ?? [], image))
  if (pull.totalBytes !== image.totalBytes) faults.push(`has total ${pull.totalBytes}, made were ${image.totalBytes}`)
  const sum = (pull.layers ?? []).reduce((bytes, layer) => bytes + layer.downloadedBytes, 0)
  if (pull.downloadedBytes !== sum) faults.push(`has ${pull.downloadedBytes} bytes, its layers ${sum}`)
  if (pull.percent === undefined || pull.percent > 100) faults.push(`has percent ${pull.percent}`)
  if (pull.phase === 'completed' && pull.percent !== 100) faults.push(`is completed at ${pull.percent} %`)
  return faults
}

function stepFaults(before: Pull, pull: Pull): string[] {
  const faults: string[] = []
  const fell = (what: string, old: unknown, now: unknown) => faults.push(`${what} was ${old}, now ${now}`)
  if (before.totalKnown && pull.totalBytes !== before.totalBytes) fell('total', before.totalBytes, pull.totalBytes)
  if ((pull.percent ?? -1) < (before.percent ?? -1)) fell('percent', before.percent, pull.percent)
  if (rankOf(pull) < rankOf(before)) fell('phase', before.phase, pull.phase)
  if (pull.startedAt !== before.startedAt) fell('start', before.startedAt, pull.startedAt)
  if (before.digest !== undefined && pull.digest !== before.digest) fell('digest', before.digest, pull.digest)
  if (pull.unpackedBytes < before.unpackedBytes) fell('unpacked', before.unpackedBytes, pull.unpackedBytes)
  return faults
}
