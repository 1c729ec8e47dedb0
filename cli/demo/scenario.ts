import type { ImageSpec } from './image.ts'
import type { PullOptions } from './pull.ts'
import { createRandom } from './random.ts'
import type { DemoRuntime } from './runtime.ts'
import { api, machineLearning, reports, scanner, stream, toolchain, web } from './sample-images.ts'

/** A pull that a round of the demo starts. */
interface Act extends PullOptions {
  readonly atSeconds: number
  readonly image: (round: number) => ImageSpec
}

const megabyte = 1e6

/**
 * One round. Each kind of pull that a node sees is in it, and some pull is moving in every
 * second of it, also while another one stalls: a test plays it and holds that.
 */
const acts: readonly Act[] = [
  { atSeconds: 0.2, image: web, rate: wobbling(6.5) },
  // The same base at once: it waits until the other has unpacked it.
  { atSeconds: 2, image: api, rate: wobbling(4.5) },
  { atSeconds: 14, image: machineLearning, rate: wobbling(21), unpackRate: 85 * megabyte },
  { atSeconds: 34, image: toolchain, rate: wobbling(9), unpackRate: 4.2 * megabyte },
  { atSeconds: 52, image: reports, rate: wobbling(5), cutAfterBytes: 41 * megabyte },
  { atSeconds: 72, image: reports, rate: stalling(wobbling(6), 5, 15) },
  { atSeconds: 75, image: stream, rate: wobbling(5) },
  // A new release of one small layer: the rest is there and is not fetched again.
  { atSeconds: 99, image: round => web(round, 1), rate: wobbling(1.4) },
  { atSeconds: 100, image: scanner, rate: wobbling(6) },
]
const roundSeconds = 118

/** Finer than containerd's own 1 MiB, which at such rates would stand still for seconds. */
const stepBytes = 64 * 1024

/** Plays rounds for ever. What earlier rounds left is removed, as a kubelet removes images, so memory is bounded. */
export function playScenario(runtime: DemoRuntime, round = 0): void {
  const namespace = runtime.namespace('k8s.io')
  for (const name of [...namespace.images.keys()]) namespace.removeImage(name)
  namespace.collectGarbage()
  for (const { atSeconds, image, ...options } of acts) {
    runtime.after(atSeconds * 1000, () => void runtime.startPull(image(round), { stepBytes, ...options }))
  }
  runtime.after(roundSeconds * 1000, () => playScenario(runtime, round + 1))
}

/** About so many megabytes a second: a new speed each half second, never more than a third away. */
function wobbling(megabytesPerSec: number): (elapsedMs: number) => number {
  return elapsedMs => {
    const random = createRandom(Math.floor(elapsedMs / 500) + megabytesPerSec * 1e6)
    return megabytesPerSec * megabyte * (2 / 3 + (random() * 2) / 3)
  }
}

function stalling(rate: (elapsedMs: number) => number, atSeconds: number, seconds: number) {
  return (elapsedMs: number) =>
    elapsedMs >= atSeconds * 1000 && elapsedMs < (atSeconds + seconds) * 1000 ? 0 : rate(elapsedMs)
}
