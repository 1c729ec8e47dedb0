import { createHash, randomUUID } from 'node:crypto'
import type { AgentReport, AgentReportAnswer, ReportedPull } from '../../core/contract/agent-report.ts'
import type { Layer } from '../../core/contract/pull.ts'
import { isTerminal } from '../../core/contract/words.ts'
import { pullIdOf } from '../../core/pulls/pull-id.ts'

/** What a node told of one pull, and what it was answered. Times are of `performance.now()`. */
export interface Told {
  readonly id: string
  readonly nodeName: string
  /** Before the first report with it was sent. */
  readonly startSentMs: number
  /** Before the first report with its end was sent. */
  endSentMs?: number
  /** When an answer acknowledged its end. */
  endAckedMs?: number
  phase: ReportedPull['phase']
}

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

export interface FakeNodeOptions {
  readonly serverUrl: string
  readonly nodeName: string
  /** Pulls at a time; one that ends is followed by another. */
  readonly slots: number
  /** About how many steps a download takes; default 12. */
  readonly steps?: number
  /** Of how many layers; default 3. */
  readonly layers?: number
}

/** A node whose pulls go on and on, and that speaks to the server as an agent does. */
export class FakeNode {
  readonly told = new Map<string, Told>()
  readonly #options: FakeNodeOptions
  readonly #pulls: (ReportedPull | undefined)[]
  /** Ended, and not acknowledged. */
  #held: ReportedPull[] = []
  #epoch = randomUUID()
  #seq = 0
  #made = 0

  constructor(options: FakeNodeOptions) {
    this.#options = options
    this.#pulls = Array.from({ length: options.slots })
  }

  get held(): number {
    return this.#held.length
  }

  get activeIds(): string[] {
    return this.#pulls.flatMap(pull => (pull ? [pull.id] : []))
  }

  /** Moves most pulls by one step: some bytes, a layer, another phase, an end, a new pull. */
  step(): void {
    for (const [slot, pull] of this.#pulls.entries()) {
      if (pull === undefined) this.#pulls[slot] = this.#begin()
      else if (Math.random() < 0.7) this.#pulls[slot] = this.#moved(pull)
    }
  }

  /** Ends every pull that runs; with `phase` given all end so. */
  endAll(phase?: 'completed' | 'failed'): void {
    for (const [slot, pull] of this.#pulls.entries()) {
      if (pull !== undefined) this.#end(pull, phase ?? (Math.random() < 0.8 ? 'completed' : 'failed'))
      this.#pulls[slot] = undefined
    }
  }

  /** Sends a report of all that is so. Rejects when no answer came; then nothing is acknowledged. */
  async report(): Promise<AgentReportAnswer> {
    const held = [...this.#held]
    const body: AgentReport = {
      nodeName: this.#options.nodeName,
      timestamp: new Date().toISOString(),
      agent: { version: '0.1.0', epoch: this.#epoch, seq: ++this.#seq },
      pulls: [...this.#pulls.filter(pull => pull !== undefined), ...held],
    }
    this.#note(body)
    const response = await fetch(`${this.#options.serverUrl}/api/v1/report`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (response.status !== 200) throw new Error(`report answered ${response.status}: ${await response.text()}`)
    const answer = (await response.json()) as AgentReportAnswer
    if (!answer.accepted) this.#epoch = randomUUID()
    if (answer.acknowledged) {
      const ackedMs = performance.now()
      for (const { id } of held) this.told.get(id)!.endAckedMs = ackedMs
      this.#held = this.#held.filter(pull => !held.includes(pull))
    }
    return answer
  }

  #note({ pulls }: AgentReport): void {
    const nowMs = performance.now()
    for (const { id, phase } of pulls) {
      const told = this.told.get(id)
      if (told === undefined) {
        const { nodeName } = this.#options
        this.told.set(id, { id, nodeName, startSentMs: nowMs, phase, ...(isTerminal(phase) && { endSentMs: nowMs }) })
      } else {
        if (isTerminal(phase)) told.endSentMs ??= nowMs
        told.phase = phase
      }
    }
  }

  #begin(): ReportedPull {
    const { nodeName, layers = 3 } = this.#options
    const lease = `lease-${this.#made++}`
    const startedAt = new Date().toISOString()
    const name = `registry.example.com/team/app-${this.#made % 7}`
    return {
      id: pullIdOf(nodeName, 'k8s.io', lease, `${startedAt}${this.#epoch}`),
      imageRef: `${name}:v${this.#made}`,
      repository: name,
      digest: digestOf(nodeName + lease),
      platform: 'linux/amd64',
      phase: 'downloading',
      startedAt,
      completedAt: null,
      totalKnown: true,
      error: null,
      layers: Array.from({ length: layers }, (_, index) => ({
        digest: digestOf(`${nodeName}/${lease}/${index}`),
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        totalBytes: 1_000_000 * (1 + index),
        downloadedBytes: 0,
        totalKnown: true,
        restarts: 0,
        state: 'waiting',
      })),
    }
  }

  #moved(pull: ReportedPull): ReportedPull | undefined {
    const { steps = 12, layers = 3 } = this.#options
    if (Math.random() < 0.3 / steps) return this.#end(pull, 'failed')
    const unpacking = pull.layers.every(({ state }) => state === 'downloaded' || state === 'done')
    const index = pull.layers.findIndex(({ state }) => state !== (unpacking ? 'done' : 'downloaded'))
    if (index < 0) return this.#end(pull, 'completed')
    const moved = unpacking ? unpacked(pull.layers[index]!) : fetched(pull.layers[index]!, (2 * layers) / steps)
    return { ...pull, phase: unpacking ? 'unpacking' : 'downloading', layers: pull.layers.with(index, moved) }
  }

  #end(pull: ReportedPull, phase: 'completed' | 'failed'): undefined {
    const completedAt = new Date().toISOString()
    const error = phase === 'failed' ? { code: 'Timeout' as const, message: 'the registry did not answer' } : null
    this.#held.push({ ...pull, phase, completedAt, error })
  }
}

function fetched(layer: Layer, share: number): Layer {
  const more = Math.ceil(layer.totalBytes * share * (0.5 + Math.random()))
  const downloadedBytes = Math.min(layer.totalBytes, layer.downloadedBytes + more)
  return { ...layer, downloadedBytes, state: downloadedBytes === layer.totalBytes ? 'downloaded' : 'downloading' }
}

const unpacked = (layer: Layer): Layer => ({ ...layer, state: layer.state === 'unpacking' ? 'done' : 'unpacking' })
