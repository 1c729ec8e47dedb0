import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import type { KubeApi } from './kube-api.ts'
import { microTime } from './lease-record.ts'
import type { EventsV1Event, KubeObject } from './objects.ts'
import { newEvents } from './resources.ts'

export interface EventRecorderOptions {
  readonly api: Pick<KubeApi, 'apply'>
  /** As `example.com/controller`. Also the field manager of the Events. */
  readonly controller: string
  /** Of this program's instance: the pod's name. */
  readonly instance: string
  readonly clock: Clock
  readonly log: Logger
  readonly maxEvents?: number
}

interface Known {
  readonly event: EventsV1Event
  count: number
  lastMs: number
  /** Whether the API server has what is here, and when it got it. */
  written: boolean
  writtenMs: number
}

/** client-go's: what happens again within it is the same series. */
const seriesMs = 6 * 60_000
/** A series is written again at most so often, however often it happens. */
const rewriteMs = 30_000
/** The API server refuses more. */
const longestNoteChars = 1024
const longestFieldChars = 128
const closeWithinMs = 3000

/**
 * Writes Kubernetes Events (`events.k8s.io/v1`) about objects: once for what is new, and as a growing count for what
 * happens again. Nothing it does reaches its caller: an Event that cannot be written is logged and dropped, as an
 * Event is a note for people, and with more than `maxEvents` in memory the oldest are forgotten.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #maxEvents: number
  readonly #known = new Map<string, Known>()
  readonly #stop = new AbortController()
  #writing: Promise<void> | undefined
  #wake = new AbortController()
  #names = 0

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#maxEvents = options.maxEvents ?? 1000
  }

  /** `reason` and `action` are CamelCase words; `note` is for people, and cut at 1024 characters. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, note: string, action: string = reason): void {
    if (this.#stop.signal.aborted) return
    const nowMs = this.#options.clock.now()
    const key = JSON.stringify([about.metadata?.uid, about.kind, about.metadata?.name, type, reason, action, note])
    const known = this.#known.get(key)
    if (known && nowMs - known.lastMs < seriesMs) {
      known.count++
      known.lastMs = nowMs
      known.written = false
    } else {
      this.#known.delete(key)
      this.#known.set(key, {
        event: this.#eventOf(about, type, reason, note, action, nowMs),
        count: 1,
        lastMs: nowMs,
        written: false,
        writtenMs: Number.NEGATIVE_INFINITY,
      })
    }
    this.#forget(nowMs)
    this.#wake.abort()
    this.#writing ??= this.#write()
  }

  /** Tries for three seconds to write what is not written yet. */
  async close(): Promise<void> {
    this.#stop.abort()
    this.#wake.abort()
    await this.#writing
    const over = AbortSignal.timeout(closeWithinMs)
    for (const known of this.#known.values()) if (!known.written && !over.aborted) await this.#put(known, over)
  }

  #eventOf(
    about: KubeObject,
    type: string,
    reason: string,
    note: string,
    action: string,
    nowMs: number,
  ): EventsV1Event {
    const { name = '', namespace, uid, resourceVersion } = about.metadata ?? {}
    const { controller, instance } = this.#options
    // An Event about something without a namespace is in `default`: the API server's rule.
    const place = namespace ?? 'default'
    const id = (nowMs * 4096 + (this.#names++ % 4096)).toString(16)
    return {
      // Cut in the midst, a name may end in what must not stand before a dot: the Event would be refused.
      metadata: { name: `${name.slice(0, 200).replace(/[-.]+$/, '')}.${id}`, namespace: place },
      eventTime: microTime(nowMs),
      type,
      reason: reason.slice(0, longestFieldChars),
      action: action.slice(0, longestFieldChars),
      note: note.slice(0, longestNoteChars),
      reportingController: controller,
      reportingInstance: instance.slice(0, longestFieldChars),
      regarding: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
    } as EventsV1Event
  }

  /** A Map is in the order of insertion, so what comes first is oldest. */
  #forget(nowMs: number): void {
    for (const [key, known] of this.#known) {
      const isOver = known.written && nowMs - known.lastMs >= seriesMs
      if (isOver || this.#known.size > this.#maxEvents) this.#known.delete(key)
      else if (this.#known.size <= this.#maxEvents) break
    }
  }

  /** One at a time, in order, until all is written. */
  async #write(): Promise<void> {
    const { clock } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      this.#wake = new AbortController()
      let dueMs = Number.POSITIVE_INFINITY
      for (const known of [...this.#known.values()]) {
        if (known.written || signal.aborted) continue
        const againMs = known.writtenMs + rewriteMs
        if (againMs <= clock.now()) await this.#put(known, signal)
        else dueMs = Math.min(dueMs, againMs)
      }
      // With nothing awaited in between, so that what comes next starts anew.
      if (dueMs === Number.POSITIVE_INFINITY && !this.#wake.signal.aborted) break
      // Rejects when there is something new, or all is over.
      await clock.sleep(Math.max(0, dueMs - clock.now()), this.#wake.signal).catch(() => {})
    }
    this.#writing = undefined
  }

  async #put(known: Known, signal: AbortSignal): Promise<void> {
    const { api, clock, log, controller } = this.#options
    const series = { count: known.count, lastObservedTime: microTime(known.lastMs) }
    known.written = true
    known.writtenMs = clock.now()
    try {
      // Apply, so that a repeat of a write whose answer was lost makes no second Event.
      const event = { ...known.event, ...(known.count > 1 && { series }) }
      await api.apply(newEvents, event as EventsV1Event, { fieldManager: controller, force: true, signal })
    } catch (error) {
      if (signal.aborted) known.written = false
      else log.warn('event not written', { reason: known.event.reason, about: known.event.regarding?.name, error })
    }
  }
}
