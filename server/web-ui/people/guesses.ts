import { isIPv6 } from 'node:net'
import type { Clock } from '../../../core/lib/clock.ts'
import { Lru } from '../../../core/lib/lru.ts'
import { nameKeyOf } from '../../store/users-store.ts'

export interface GuessLimits {
  /** Wrong passwords for one name from one address. */
  readonly perName: number
  /** From one address, whatever the names: one password tried on everybody. */
  readonly perAddress: number
  /** How long one is remembered, and how long one must wait. Milliseconds. */
  readonly withinMs: number
}

export const guessLimits: GuessLimits = { perName: 5, perAddress: 50, withinMs: 15 * 60_000 }

const maxKeys = 20_000

export type Verdict =
  | { readonly may: true }
  /** `first`: that it became so with the guess before this one, so that it is told of once. */
  | { readonly may: false; readonly waitMs: number; readonly first: boolean }

interface Kept {
  /** When each was made. Rises. */
  atMs: number[]
  told: boolean
}

/** Counts wrong passwords. Kept in memory: a restart forgets them, and is nothing that a guesser can have. */
export class Guesses {
  readonly #limits: GuessLimits
  readonly #clock: Pick<Clock, 'monotonic'>
  readonly #kept = new Lru<string, Kept>(maxKeys)

  constructor(clock: Pick<Clock, 'monotonic'>, limits: GuessLimits = guessLimits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Whether to look at the password. If so it counts as a wrong one until `right`: many at once are no way around. */
  begin(name: string, address: string): Verdict {
    const nowMs = this.#clock.monotonic()
    const counted = this.#keysOf(name, address).map(([key, most]) => ({ key, most, kept: this.#read(key, nowMs) }))
    for (const { kept, most } of counted) {
      if (kept.atMs.length < most) continue
      const first = !kept.told
      kept.told = true
      return { may: false, waitMs: kept.atMs.at(-1)! + this.#limits.withinMs - nowMs, first }
    }
    for (const { key, kept } of counted) {
      kept.atMs.push(nowMs)
      this.#kept.set(key, kept)
    }
    return { may: true }
  }

  /** The password was right: that name is forgiven at that address, which keeps what it did to other names. */
  right(name: string, address: string): void {
    const [[ofName], [ofAddress]] = this.#keysOf(name, address)
    this.#kept.delete(ofName)
    this.#kept.get(ofAddress)?.atMs.pop()
  }

  #keysOf(name: string, address: string) {
    const network = networkOf(address)
    return [
      [`${network} ${nameKeyOf(name).slice(0, 128)}`, this.#limits.perName],
      [network, this.#limits.perAddress],
    ] as const satisfies readonly (readonly [string, number])[]
  }

  /** What was reached lasts for its whole time after the last one; else each is forgotten by itself. */
  #read(key: string, nowMs: number): Kept {
    const kept = this.#kept.get(key) ?? { atMs: [], told: false }
    const since = nowMs - this.#limits.withinMs
    if ((kept.atMs.at(-1) ?? since) <= since) return { atMs: [], told: false }
    if (!kept.told) kept.atMs = kept.atMs.filter(atMs => atMs > since)
    return kept
  }
}

/** Of IPv6 the /64 that one subscriber has: its other half is free to choose. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined || !isIPv6(address)) return mapped ?? address
  const [head = '', tail] = address.split('%', 1)[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length)
  const all = [...groups, ...Array<string>(missing).fill('0'), ...(tail ? tail.split(':') : [])]
  return `${all
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
