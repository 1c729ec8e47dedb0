import { type ErrorCode, isTerminal, type Phase } from '../../../../core/contract/words.ts'
import type { PullChange } from '../../../../core/pulls/change.ts'
import type { PullState } from '../../../../core/pulls/pull.ts'
import { namesOf } from './image-names.ts'

/** How far an image has come on all nodes. */
export interface ImageNodes {
  readonly imageRef: string
  /** Nodes with a pull of it, or a pod waiting for it, in the last 24 hours. */
  readonly nodes: number
  /** Of these: its newest pull there completed. */
  readonly have: number
  /** Of these: its newest pull there failed. */
  readonly failing: number
  /** Why, most frequent first; failures of no known kind are not in it. */
  readonly codes: readonly ErrorCode[]
}

interface OnNode {
  readonly phase: Phase
  readonly code: ErrorCode | undefined
  readonly startedAtMs: number
  /** When it was heard of, by the clock of the server. */
  readonly seenAtMs: number
}

export const rememberMs = 24 * 3_600_000
/** Names of images x nodes; most images have two. 100 bytes each. Above it the name that was heard of longest ago goes. */
const maxEntries = 400_000

/**
 * How the newest pull of each image on each node ended, over the last day. Pulls that go on are not written down:
 * there would be news of them with every report, and whoever asks has them at hand.
 */
export class ImageBook {
  /** By name; what was heard of longest ago is the first. */
  readonly #images = new Map<string, Map<string, OnNode>>()
  #entries = 0

  note(changes: readonly PullChange[], seenAtMs: number): void {
    for (const { pull, dropped } of changes) {
      if (dropped) this.drop(pull)
      else if (isTerminal(pull.phase)) this.observe(pull, seenAtMs)
    }
  }

  /** `pull` has ended. */
  observe(pull: PullState, seenAtMs: number): void {
    const { nodeName, phase, errorCode: code, startedAtMs } = pull
    const end: OnNode = { phase, code, startedAtMs, seenAtMs }
    for (const name of namesOf(pull)) this.#observe(name, nodeName, end)
  }

  /** A rule keeps the pull out of sight. What another pull has brought under one of its names stays. */
  drop(pull: PullState): void {
    for (const name of namesOf(pull)) {
      const nodes = this.#images.get(name)
      if (nodes?.get(pull.nodeName)?.startedAtMs !== pull.startedAtMs) continue
      nodes.delete(pull.nodeName)
      this.#entries--
    }
  }

  /** `live`: the pulls of the image that have not ended. */
  of(imageRef: string, live: readonly PullState[], nowMs: number): ImageNodes {
    const ended = this.#images.get(imageRef)
    const nodes = new Set<string>()
    for (const { nodeName, startedAtMs } of live) {
      const end = ended?.get(nodeName)
      if (end === undefined || end.startedAtMs < startedAtMs) nodes.add(nodeName)
    }
    const counts = { nodes: nodes.size, have: 0, failing: 0 }
    const codes = new Map<ErrorCode, number>()
    for (const [nodeName, { phase, code, seenAtMs }] of ended ?? []) {
      if (nodes.has(nodeName) || nowMs - seenAtMs > rememberMs) continue
      counts.nodes++
      if (phase === 'completed') counts.have++
      if (phase !== 'failed') continue
      counts.failing++
      if (code !== undefined && code !== 'Unknown') codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    const byCount = [...codes].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    return { imageRef, ...counts, codes: byCount.map(([code]) => code) }
  }

  /** To be called now and then: forgets what is older than a day. */
  sweep(nowMs: number): void {
    for (const [name, nodes] of this.#images) {
      for (const [node, { seenAtMs }] of nodes) {
        if (nowMs - seenAtMs > rememberMs && nodes.delete(node)) this.#entries--
      }
      if (nodes.size === 0) this.#images.delete(name)
    }
  }

  #observe(name: string, nodeName: string, end: OnNode): void {
    const nodes = this.#images.get(name) ?? new Map<string, OnNode>()
    const before = nodes.get(nodeName)
    if (before !== undefined && before.startedAtMs > end.startedAtMs) return
    if (before === undefined) this.#entries++
    nodes.set(nodeName, end)
    this.#images.delete(name)
    this.#images.set(name, nodes)
    while (this.#entries > maxEntries) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const [name, nodes] = this.#images.entries().next().value!
    this.#images.delete(name)
    this.#entries -= nodes.size
  }
}
