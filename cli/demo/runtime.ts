import type { Clock } from '../../core/lib/clock.ts'
import { ContainerdNamespace, type RuntimeEvent } from './containerd-namespace.ts'
import { buildImage, type ImageSpec } from './image.ts'
import { DemoPull, type PullOptions } from './pull.ts'
import { createRandom, type Random } from './random.ts'

export interface RuntimeParts {
  readonly clock: Clock
  /** Equal seeds, calls and times give equal names, offsets and events. */
  readonly seed: number
}

/** Real containerd moves on by itself; this model moves in such steps, whenever it is looked at or ticked. */
const stepMs = 20
/** After a machine's sleep the model goes on where it was, instead of living through the night in one go. */
const longestGapMs = 60_000
/** 25-75 ms on real ones, after a lease that failed. */
const garbageDelayMs = 40

/** A small model of containerd 2.4: it holds what a reader can see of pulls, and moves no bytes. */
export class DemoRuntime {
  readonly version = '2.4.2+demo'
  readonly namespaces = new Map<string, ContainerdNamespace>()
  readonly random: Random
  readonly #clock: Clock
  readonly #listeners = new Set<(event: RuntimeEvent) => void>()
  #pulls: DemoPull[] = []
  #timers: { readonly atMs: number; readonly action: () => void }[] = []
  #nowMs: number

  constructor({ clock, seed }: RuntimeParts) {
    this.#clock = clock
    this.#nowMs = clock.now()
    this.random = createRandom(seed)
  }

  /** Where the model stands, in epoch ms: at most one step behind the clock after `advance`. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Pulls that run. */
  get pulls(): readonly DemoPull[] {
    return this.#pulls
  }

  /** Brings the model to the clock's time. Does nothing while the clock stands or goes back. */
  advance(): void {
    const untilMs = this.#clock.now()
    if (untilMs - this.#nowMs > longestGapMs) this.#skip(untilMs - longestGapMs - this.#nowMs)
    while (this.#nowMs + stepMs <= untilMs) {
      this.#nowMs += stepMs
      this.#runTimers()
      for (const pull of this.#pulls) pull.step(this.#nowMs, stepMs)
      this.#dropEnded()
    }
  }

  #dropEnded(): void {
    for (const { outcome, namespace } of this.#pulls) {
      if (outcome) this.after(garbageDelayMs, () => namespace.collectGarbage())
    }
    this.#pulls = this.#pulls.filter(pull => !pull.outcome)
  }

  #skip(gapMs: number): void {
    this.#nowMs += gapMs
    this.#timers = this.#timers.map(({ atMs, action }) => ({ atMs: atMs + gapMs, action }))
  }

  #runTimers(): void {
    const due = this.#timers.filter(timer => timer.atMs <= this.#nowMs)
    this.#timers = this.#timers.filter(timer => timer.atMs > this.#nowMs)
    for (const { action } of due) action()
  }

  /** Runs the action when the model has lived so long from now. */
  after(delayMs: number, action: () => void): void {
    this.#timers.push({ atMs: this.#nowMs + delayMs, action })
  }

  namespace(name: string): ContainerdNamespace {
    const found = this.namespaces.get(name)
    if (found) return found
    const send = (event: RuntimeEvent) => {
      for (const listener of this.#listeners) listener(event)
    }
    const made = new ContainerdNamespace(name, () => this.#nowMs, send)
    this.namespaces.set(name, made)
    return made
  }

  startPull(spec: ImageSpec, options: PullOptions & { readonly namespace?: string }): DemoPull {
    const namespace = this.namespace(options.namespace ?? 'k8s.io')
    const pull = new DemoPull(namespace, buildImage(spec), options, this.#nowMs, this.random)
    this.#pulls.push(pull)
    return pull
  }

  /** containerd is killed and started again: pulls are gone, their leases and ingests are not. */
  restart(): void {
    for (const pull of this.#pulls) pull.kill()
    this.#pulls = []
  }

  subscribe(listener: (event: RuntimeEvent) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
}
