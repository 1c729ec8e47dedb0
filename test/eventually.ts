import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks until the answer is neither undefined nor false; fails with `what` once the limit has passed. For what only
 * says by being asked.
 */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 20_000,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`)
    await delay(10)
  }
}

/** As `eventually`, for a check that throws while it does not hold; its last error is the failure. */
export async function eventuallyHolds(check: () => void | Promise<void>, limitMs = 20_000): Promise<void> {
  const end = performance.now() + limitMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await delay(20)
  }
}
