/** When timers came late. Epoch ms. */
export interface Stop {
  readonly fromMs: number
  readonly untilMs: number
}

const everyMs = 20

/** From now on: when this process stood still, by its own timers. What a busy machine does to it, and not the code. */
export function watchStops(): Disposable & { stops(): Stop[] } {
  const stops: Stop[] = []
  let dueMs = Date.now() + everyMs
  const look = () => {
    const nowMs = Date.now()
    if (nowMs - dueMs > everyMs) stops.push({ fromMs: dueMs, untilMs: nowMs })
    dueMs = nowMs + everyMs
  }
  const timer = setInterval(look, everyMs)
  return {
    stops() {
      look()
      return stops
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** Of a time, how much was stood still by any of them. Ms. */
export function stoodStillMs(stops: readonly Stop[], fromMs: number, untilMs: number): number {
  let sum = 0
  let doneMs = fromMs
  for (const stop of stops.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const endMs = Math.min(stop.untilMs, untilMs)
    sum += Math.max(0, endMs - Math.max(stop.fromMs, doneMs))
    doneMs = Math.max(doneMs, endMs)
  }
  return sum
}
