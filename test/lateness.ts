const everyMs = 20

/** From now on: how late timers of this process came, in all. What a busy machine does to it, and not the code. Ms. */
export function watchLateness(): Disposable & { readonly lateMs: number } {
  let lateMs = 0
  let dueMs = performance.now() + everyMs
  const lateNow = () => {
    const ms = performance.now() - dueMs
    return ms > everyMs ? ms : 0
  }
  const timer = setInterval(() => {
    lateMs += lateNow()
    dueMs = performance.now() + everyMs
  }, everyMs)
  return {
    get lateMs() {
      return lateMs + lateNow()
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
