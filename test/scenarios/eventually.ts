import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

/** Asks until it holds: for what only says by being asked that it has come. Fails after `limitMs`. */
export async function eventually(what: string, condition: () => Promise<boolean> | boolean, limitMs = 10_000) {
  const end = performance.now() + limitMs
  while (!(await condition())) {
    assert.ok(performance.now() < end, `${what}, within ${limitMs} ms`)
    await delay(50)
  }
}
