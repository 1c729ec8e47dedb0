import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal } from '../../core/contract/words.ts'
import { type Call, callOf, cannotBeTold, endsOf, type Recording, wireBytes } from './recording.ts'

export interface WireOptions {
  /** Layers were fetched more than once: the proxy sent more than their sizes. */
  readonly fetchedAgain: boolean
}

/** What must hold when all is over: each call is one pull, told as it really ended, and kept so. */
export function faultsOfEnds(recording: Recording, options: WireOptions): string[] {
  const told = new Map<string, Pull>()
  for (const { event } of recording.events) if (event) told.set(event.pull.id, event.pull)
  for (const pull of recording.missed) if (!isTerminal(told.get(pull.id)?.phase ?? 'queued')) told.set(pull.id, pull)
  const reported = new Set(recording.reports.flatMap(({ report }) => report.pulls.map(({ id }) => id)))
  const faults = [...reported].filter(id => !told.has(id)).map(id => `${id} was reported and never told`)
  for (const pull of told.values()) faults.push(...endFaults(pull, recording, options).map(f => `${pull.id} ${f}`))
  return [...faults, ...callFaults([...told.values()], recording)]
}

function endFaults(pull: Pull, recording: Recording, { fetchedAgain }: WireOptions): string[] {
  const faults: string[] = []
  if (!isTerminal(pull.phase)) return [`never ended: ${pull.phase}`]
  const kept = recording.history.filter(({ id }) => id === pull.id)
  if (kept.length !== 1) faults.push(`is ${kept.length} times in the history`)
  for (const field of ['phase', 'imageRef', 'digest', 'totalBytes', 'downloadedBytes', 'completedAt'] as const) {
    if (kept[0] && kept[0][field] !== pull[field])
      faults.push(`${field} is ${kept[0][field]} in the history, was told as ${pull[field]}`)
  }
  const listed = recording.pulls.filter(({ id }) => id === pull.id)
  if (listed.length !== 1 || listed[0]?.phase !== pull.phase) faults.push(`is listed as [${listed.map(p => p.phase)}]`)
  const [startedMs, endedMs] = [Date.parse(pull.startedAt), Date.parse(pull.completedAt ?? '')]
  if (!(endedMs >= startedMs)) faults.push(`began at ${pull.startedAt} and ended at ${pull.completedAt}`)
  if (pull.phase !== 'completed') return faults

  for (const { digest, state, totalBytes, downloadedBytes } of pull.layers ?? []) {
    if (downloadedBytes !== totalBytes)
      faults.push(`is completed with ${downloadedBytes} of ${totalBytes} of ${digest}`)
    const sent = wireBytes(recording, digest, state === 'cached' ? startedMs : 0, Number.POSITIVE_INFINITY)
    const right = state === 'cached' ? sent === 0 : fetchedAgain ? sent >= totalBytes : sent === totalBytes
    if (!right) faults.push(`${state} layer ${digest} has ${totalBytes} bytes, the proxy sent ${sent}`)
  }
  const cached = (pull.layers ?? []).reduce((sum, l) => sum + (l.state === 'cached' ? l.totalBytes : 0), 0)
  if (pull.cachedBytes !== cached) faults.push(`has ${pull.cachedBytes} cached bytes, its layers ${cached}`)
  if (pull.downloadedBytes !== pull.totalBytes)
    faults.push(`is completed with ${pull.downloadedBytes} of ${pull.totalBytes}`)
  return faults
}

/** Each call takes the one pull that fits it best; none may be left over on either side. */
function callFaults(pulls: readonly Pull[], recording: Recording): string[] {
  const faults: string[] = []
  const free = new Set<Call>(recording.calls)
  // Those that fit few calls choose first.
  const fits = pulls.map(pull => ({ pull, calls: callOf(recording.calls, pull) }))
  for (const { pull, calls } of fits.sort((a, b) => a.calls.length - b.calls.length)) {
    const open = calls.filter(call => free.has(call))
    const fit = open.filter(candidate => endsOf(candidate).includes(pull.phase) || cannotBeTold(recording, pull))
    // One that need not have been seen may be left over.
    const call = fit.find(({ mayBeUnseen }) => !mayBeUnseen) ?? fit[0] ?? open[0]
    if (!call) {
      faults.push(`${pull.id} ${pull.phase} ${pull.imageRef} of ${pull.startedAt} is no pull that was made`)
      continue
    }
    free.delete(call)
    faults.push(...resultFaults(pull, call, recording).map(fault => `${pull.id} ${fault}`))
  }
  for (const call of free) {
    if (!call.mayBeUnseen) faults.push(`the pull of ${call.ref} (${call.error?.message ?? 'completed'}) was never told`)
  }
  return faults
}

function resultFaults(pull: Pull, call: Call, recording: Recording): string[] {
  const { images, host } = recording
  const faults: string[] = []
  const { image, ref, error, removed, ctr = 'k8s.io' } = call
  const record = images.get(ctr)?.get(ref)
  // A client may give up on a pull that is complete: the record, of an image that is pulled once, is the truth.
  const completeAnyway = call.mayFailUntold && pull.phase === 'completed' && record === image.targetDigest
  if (!endsOf(call).includes(pull.phase) && !completeAnyway && !cannotBeTold(recording, pull)) {
    const told = `${pull.phase} (${pull.error}, ${pull.digest}, ${JSON.stringify(pull.phaseStartedAt)})`
    faults.push(`is told as ${told}; the pull of ${ref} ${error ? `failed: ${error.message}` : 'completed'}`)
  }
  if (pull.phase === 'completed' && !removed && record !== image.targetDigest)
    faults.push(`is completed; ctr shows ${ref} as ${record}`)
  const names = [ref, `${host}/${image.name}@${image.targetDigest}`, `127.0.0.1/${image.name}@${image.targetDigest}`]
  if (pull.phase === 'completed' && !names.includes(pull.imageRef))
    faults.push(`is named ${pull.imageRef}, pulled as ${ref}`)
  return faults
}
