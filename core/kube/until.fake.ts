/** Resolves when it holds, as soon as what goes on beside it lets it; rejects after nine seconds. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 9000
  while (!holds()) {
    if (performance.now() > limitMs) throw new Error(`not within 9 s: ${what}`)
    await new Promise(setImmediate)
  }
}
