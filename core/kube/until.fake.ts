/** Resolves when it holds, as soon as what goes on beside it lets it; rejects after five seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > limitMs) throw new Error(`not within 5 s: ${what}`)
    await new Promise(setImmediate)
  }
}
