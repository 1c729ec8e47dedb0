import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import type { KubeApi } from './kube-api.ts'
import { isConflict, isNotFound } from './kube-error.ts'
import { type LeaseRecord, microTime, recordOf, specOf, takeover } from './lease-record.ts'
import type { V1Lease } from './objects.ts'
import { leases } from './resources.ts'
import { StopNow } from './work-queue.ts'

export interface LeaderElectionOptions {
  readonly api: Pick<KubeApi, 'get' | 'create' | 'replace'>
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Unlike any other's, also one of an earlier life of this pod. */
  readonly identity: string
  readonly clock: Clock
  readonly log: Logger
  readonly random?: () => number
  /** Called with each change, and once at the start. */
  readonly changed?: (leading: boolean) => void
  readonly times?: LeaseTimes
}

export interface LeaseTimes {
  /** After so long without a change others take over. */
  readonly leaseMs: number
  /** After so long without success the leader stops leading: before the others start. */
  readonly renewWithinMs: number
  readonly retryMs: number
}

/** client-go's. */
export const defaultLeaseTimes: LeaseTimes = { leaseMs: 15_000, renewWithinMs: 10_000, retryMs: 2000 }
const jitter = 1.2

/**
 * One of several programs acts at a time, by a Lease that the acting one renews. It is no fence: a program that was
 * frozen may write once more before it notices, so every write must do no harm when it comes late or twice.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions
  readonly #times: LeaseTimes
  #leading = false
  /** The Lease as it was read or written last, and when its record last changed, by our clock. */
  #lease: V1Lease | undefined
  #record: LeaseRecord | undefined
  #changedMs = 0
  #renewedMs = 0

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#times = options.times ?? defaultLeaseTimes
    const { leaseMs, renewWithinMs, retryMs } = this.#times
    if (!(leaseMs > renewWithinMs && renewWithinMs > retryMs * jitter)) {
      throw new RangeError(`a lease must be longer than its deadline, and that than ${jitter} retries`)
    }
  }

  get leading(): boolean {
    return this.#leading
  }

  /**
   * Waits until it is this program's turn and calls `lead`, again each time it is. When another one may take over,
   * `lead`'s signal aborts with a StopNow; when `signal` aborts, with its reason, and the Lease is kept until `lead`
   * has ended, then given back. Ends when the signal aborts or `lead` ends; rejects with what `lead` rejects with.
   */
  async run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { log, name, identity, changed } = this.#options
    changed?.(false)
    while (await this.#acquire(signal)) {
      log.info('leading', { lease: name, identity })
      this.#setLeading(true)
      const lost = new AbortController()
      const ended = new AbortController()
      const renewing = this.#renew(ended.signal).then(held => {
        if (!held) lost.abort(new StopNow(`the lease '${name}' was not renewed in time`))
      })
      try {
        await lead(AbortSignal.any([signal, lost.signal]))
      } finally {
        ended.abort()
        await renewing
        if (lost.signal.aborted) log.warn('leads no more', { lease: name, identity })
        else await this.#release()
        this.#setLeading(false)
      }
      if (!lost.signal.aborted) return
    }
  }

  /** False when the signal aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, random = Math.random } = this.#options
    while (!signal.aborted) {
      if (await this.#try(this.#times.renewWithinMs, signal)) return true
      const waitMs = this.#times.retryMs * (1 + random() * jitter)
      const leftMs = this.#leftMs()
      // Whoever comes a whole wait after a lease has run out leaves the work of its holder undone for so long.
      const nextMs = leftMs > 0 ? Math.min(waitMs, leftMs) : waitMs
      // Rejects only on abort, and the loop condition is what ends the loop.
      await clock.sleep(nextMs, signal).catch(() => {})
    }
    return false
  }

  /** Until the lease that was seen last has run out. */
  #leftMs(): number {
    if (!this.#record) return 0
    return this.#changedMs + this.#record.leaseMs + 1 - this.#options.clock.monotonic()
  }

  /** Until the signal aborts: true. False when the deadline passed without a renewal, or another one leads. */
  async #renew(signal: AbortSignal): Promise<boolean> {
    const { clock, identity } = this.#options
    const leftMs = () => this.#renewedMs + this.#times.renewWithinMs - clock.monotonic()
    while (!signal.aborted) {
      await clock.sleep(Math.min(this.#times.retryMs, leftMs()), signal).catch(() => {})
      if (signal.aborted) break
      if (leftMs() <= 0) return false
      if (await this.#try(leftMs(), signal)) continue
      if (leftMs() <= 0 || (this.#record && this.#record.holder !== identity)) return signal.aborted
    }
    return true
  }

  /** Reads, judges and writes once, within the limit. Never rejects: the next try is soon. */
  async #try(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, log, name } = this.#options
    const over = new AbortController()
    const within = AbortSignal.any([signal, over.signal])
    const done = new AbortController()
    clock.sleep(limitMs, done.signal).then(
      () => over.abort(new Error('the deadline passed')),
      () => {},
    )
    // A renewal counts from when it was sent: others count from when it was written.
    const sentMs = clock.monotonic()
    try {
      if (!(await this.#renewUnread(within)) && !(await this.#readAndTake(within))) return false
      this.#renewedMs = sentMs
      return true
    } catch (error) {
      if (!isConflict(error) && !signal.aborted) log.warn('lease not renewed', { lease: name, error })
      return false
    } finally {
      done.abort()
    }
  }

  /** The one who holds it need not read it first: if somebody else wrote it since, this is a conflict. */
  async #renewUnread(signal: AbortSignal): Promise<boolean> {
    if (!this.#lease || this.#record?.holder !== this.#options.identity) return false
    try {
      await this.#write({ ...this.#record, renewedAt: microTime(this.#options.clock.now()) }, signal)
      return true
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false
      throw error
    }
  }

  async #readAndTake(signal: AbortSignal): Promise<boolean> {
    const { api, clock, namespace, name, identity } = this.#options
    this.#see(await api.get(leases, name, { namespace, signal }))
    const seen = this.#record && { record: this.#record, unchangedMs: clock.monotonic() - this.#changedMs }
    const record = takeover(seen, identity, this.#times.leaseMs, clock.now())
    if (!record) return false
    await this.#write(record, signal)
    return true
  }

  /** Over the version that was judged, so that of two who take it one fails. */
  async #write(record: LeaseRecord, signal?: AbortSignal): Promise<void> {
    const { api, namespace, name } = this.#options
    const old = this.#lease
    const lease: V1Lease = {
      metadata: { ...old?.metadata, name, namespace },
      spec: { ...old?.spec, ...specOf(record) },
    }
    this.#see(await (old ? api.replace(leases, lease, { signal }) : api.create(leases, lease, { signal })))
  }

  #see(lease: V1Lease | undefined): void {
    const record = lease && recordOf(lease)
    if (JSON.stringify(record) !== JSON.stringify(this.#record)) this.#changedMs = this.#options.clock.monotonic()
    this.#lease = lease
    this.#record = record
  }

  /** So that the next one need not wait for the lease to run out. If it fails, that is what happens. */
  async #release(): Promise<void> {
    const { api, clock, log, namespace, name, identity } = this.#options
    try {
      // A renewal that was under way may have been written, or not.
      this.#see(await api.get(leases, name, { namespace }))
      const record = this.#record
      if (record?.holder !== identity) return
      await this.#write({ ...record, holder: '', leaseMs: 1000, renewedAt: microTime(clock.now()) })
    } catch (error) {
      log.warn('lease not given back', { lease: name, error })
    }
  }

  #setLeading(leading: boolean): void {
    this.#leading = leading
    this.#options.changed?.(leading)
  }
}
