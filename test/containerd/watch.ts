import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { openPullSource } from '../../agent/containerd/observe.ts'
import { noPulls, stepPulls } from '../../agent/pulls.ts'
import type { ReportedPull } from '../../core/contract/agent-report.ts'
import { systemClock } from '../../core/lib/clock.ts'

/** The agent's eyes on a containerd, with the laws of every report checked at every look. */
export interface PullWatch {
  /** Of the newest look. */
  readonly active: readonly ReportedPull[]
  readonly ended: readonly ReportedPull[]
  /** Every state each pull was seen in, oldest first. */
  readonly history: ReadonlyMap<string, readonly ReportedPull[]>
  look(): Promise<void>
  /** Looks until `ready` gives something; fails with what was seen last. */
  until<T>(what: string, ready: () => T | undefined, limitMs?: number): Promise<T>
  close(): void
}

export const nodeName = 'node-a'

export function openWatch(socket: string, namespaces: readonly string[] = ['k8s.io'], everyMs = 20): PullWatch {
  const source = openPullSource({ socket, namespaces, clock: systemClock })
  const history = new Map<string, ReportedPull[]>()
  const ended: ReportedPull[] = []
  let active: readonly ReportedPull[] = []
  let state = noPulls
  const look = async () => {
    const step = stepPulls(nodeName, state, await source.look())
    state = step.state
    active = step.active
    for (const pull of [...step.active, ...step.ended]) {
      const before = history.get(pull.id) ?? []
      checkLaws(before.at(-1), pull)
      history.set(pull.id, [...before, pull])
    }
    ended.push(...step.ended)
  }
  return {
    get active() {
      return active
    },
    ended,
    history,
    look,
    async until(what, ready, limitMs = 15_000) {
      const limit = AbortSignal.timeout(limitMs)
      for (;;) {
        // Right after its start containerd refuses a connection or two.
        await look().catch(error => {
          if (error.code !== 'unavailable') throw error
        })
        const value = ready()
        if (value !== undefined) return value
        const seen = [...active, ...ended].map(pull => `${pull.imageRef} ${pull.phase}`).join(', ')
        if (limit.aborted) throw new Error(`no ${what} within ${limitMs} ms; seen: ${seen || 'nothing'}`)
        await delay(everyMs)
      }
    },
    close: () => source.close(),
  }
}

export function sumOf(pull: ReportedPull): { downloadedBytes: number; totalBytes: number } {
  const sum = (key: 'downloadedBytes' | 'totalBytes') => pull.layers.reduce((bytes, layer) => bytes + layer[key], 0)
  return { downloadedBytes: sum('downloadedBytes'), totalBytes: sum('totalBytes') }
}

const terminal = ['completed', 'failed', 'unknown']

/** What must hold from one look to the next, whatever happens. */
function checkLaws(before: ReportedPull | undefined, now: ReportedPull): void {
  assert.equal(new Set(now.layers.map(({ digest }) => digest)).size, now.layers.length, 'layers are distinct')
  for (const { downloadedBytes, totalBytes } of now.layers) assert.ok(downloadedBytes <= totalBytes)
  if (!before) return
  assert.ok(!terminal.includes(before.phase), `${now.id} ended ${before.phase}, then was ${now.phase}`)
  assert.equal(before.startedAt, now.startedAt)
  if (before.totalKnown) {
    assert.ok(now.totalKnown, 'a total that was known stays known')
    assert.equal(sumOf(now).totalBytes, sumOf(before).totalBytes, 'the total stays what it is')
  }
  for (const layer of before.layers) {
    const after = now.layers.find(({ digest }) => digest === layer.digest)
    const restarted = (after?.restarts ?? 0) > (layer.restarts ?? 0)
    assert.ok(restarted || (after?.downloadedBytes ?? 0) >= layer.downloadedBytes, `${layer.digest} lost bytes`)
  }
}
