import type { ReportedPull } from '../../core/contract/agent-report.ts'
import { isTerminal } from '../../core/contract/words.ts'
import type { BuiltImage } from '../rig/images.ts'
import { type Recording, wireBytes } from './recording.ts'

/** The proxy counts a piece when the kernel has taken it; containerd may have read it by then. Bytes. */
const pieceBytes = 64 * 1024

/** What must hold for every report, whether or not the server got it. */
export function faultsOfReports(recording: Recording): string[] {
  const faults: string[] = []
  const last = new Map<string, ReportedPull>()
  let epoch = ''
  for (const { report, atMs, status } of recording.reports) {
    const { agent, pulls } = report
    const where = `report ${agent.epoch.slice(0, 4)}/${agent.seq}`
    if (status !== undefined && status !== 200) faults.push(`${where}: the server answered ${status}`)
    if (report.nodeName !== recording.nodeName) faults.push(`${where}: is of node ${report.nodeName}`)
    const isNew = agent.epoch !== epoch
    const mayRestart = (digest: string) => isNew && failedWith(recording, digest)
    for (const pull of pulls) {
      const told = (fault: string) => faults.push(`${where}: ${pull.id} ${pull.phase} ${fault}`)
      for (const fault of pullFaults(pull, recording, atMs)) told(fault)
      const before = last.get(pull.id)
      if (before) for (const fault of stepFaults(before, pull, mayRestart)) told(fault)
      // An answer about a pull of an earlier agent brings no layers: what was said of them stands.
      if (!before || pull.layers.length > 0) last.set(pull.id, pull)
      else last.set(pull.id, { ...before, phase: pull.phase })
    }
    epoch = agent.epoch
  }
  return faults
}

function pullFaults(pull: ReportedPull, recording: Recording, atMs: number): string[] {
  const faults: string[] = []
  if (pull.totalKnown) {
    const image = recording.calls.find(call => call.image.targetDigest === pull.digest)?.image
    if (!image) faults.push(`has digest ${pull.digest}, which nobody pulled`)
    else faults.push(...layerFaults(pull.layers, image))
  }
  const removed = recording.calls.some(call => call.removed && call.image.targetDigest === pull.digest)
  if (pull.phase === 'completed' && !removed && recording.withoutRecord.has(pull.id)) {
    faults.push('is said to be completed, and no image record points to it')
  }
  for (const { digest, state, downloadedBytes } of pull.layers) {
    if (state === 'cached') continue
    const sent = wireBytes(recording, digest, 0, atMs)
    if (downloadedBytes > sent + pieceBytes) faults.push(`${digest} has ${downloadedBytes} bytes, ${sent} were sent`)
  }
  return faults
}

type Sized = readonly { readonly digest: string; readonly totalBytes: number; readonly downloadedBytes: number }[]

/** The layers must be those that the image was made of: no other image's, and no size that is not so. */
export function layerFaults(layers: Sized, image: BuiltImage): string[] {
  const made = [...new Map(image.layers.map(({ digest, size }) => [digest, size]))]
  const said = layers.map(({ digest, totalBytes }) => [digest, totalBytes])
  const faults: string[] = []
  if (JSON.stringify(said) !== JSON.stringify(made)) {
    faults.push(`has layers ${JSON.stringify(said)}, the image was made of ${JSON.stringify(made)}`)
  }
  for (const { digest, totalBytes, downloadedBytes } of layers) {
    if (downloadedBytes > totalBytes) faults.push(`${digest} has ${downloadedBytes} of ${totalBytes} bytes`)
  }
  return faults
}

const failedWith = ({ calls }: Recording, digest: string): boolean =>
  calls.some(({ error, image }) => error !== undefined && image.layers.some(layer => layer.digest === digest))

/**
 * From one report of a pull to the next, also of a new agent: nothing that was known is taken back. Only a layer that
 * a pull which failed was fetching may begin anew in another pull, and an agent that is new cannot count that restart.
 */
function stepFaults(before: ReportedPull, pull: ReportedPull, mayRestart: (digest: string) => boolean): string[] {
  const faults: string[] = []
  if (isTerminal(before.phase) && pull.phase !== before.phase) faults.push(`was ${before.phase} before`)
  if (before.digest !== undefined && pull.digest !== before.digest) faults.push(`had digest ${before.digest} before`)
  if (before.startedAt !== pull.startedAt) faults.push(`began at ${before.startedAt} before`)
  if (pull.layers.length === 0) return faults
  if (before.totalKnown && !pull.totalKnown) faults.push('no longer knows its total')
  for (const layer of pull.layers) {
    const old = before.layers.find(({ digest }) => digest === layer.digest)
    if (mayRestart(layer.digest)) continue
    if (!old || layer.downloadedBytes >= old.downloadedBytes || (layer.restarts ?? 0) > (old.restarts ?? 0)) continue
    faults.push(`${layer.digest} had ${old.downloadedBytes} bytes before, now ${layer.downloadedBytes}`)
  }
  return faults
}
