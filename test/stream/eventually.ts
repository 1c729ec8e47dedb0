import { setTimeout as delay } from 'node:timers/promises'

/** Asks until the answer is not undefined; fails with `what` once the limit has passed. For what only says by being asked. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  limitMs = 20_000,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
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

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}
