import type { ContainerdClient } from './client.ts'
import { holdingsOf } from './holdings.ts'
import { nameOf } from './keys.ts'
import type { Listed } from './lease-list.ts'
import { resourcesAgeMs } from './lease-memory.ts'

/** Where events tell of every blob a lease that lasts is asked again only to be sure. */
const lastingAgeMs = 60_000

/**
 * Leases without an expiry: containerd's CRI makes one for each pod, moby one for each container, and there are as many
 * as these for as long as they are. Pulls have leases of their own, so one of these is met as a pull only when it is
 * seen to hold what a pull fetches.
 */
export class LastingLeases {
  readonly #client: ContainerdClient
  readonly #namespace: string
  /** When each was asked, by name. */
  readonly #askedMs = new Map<string, number>()
  #heard = false

  constructor(client: ContainerdClient, namespace: string) {
    this.#client = client
    this.#namespace = namespace
  }

  /** Something came that no pull which is known waits for. */
  heard(): void {
    this.#heard = true
  }

  /** Names of those that hold what a pull fetches. `listed`: all there are. */
  async pulling(listed: readonly Listed[], atMs: number, blobsAreTold: boolean): Promise<ReadonlySet<string>> {
    const names = new Set(listed.map(({ key }) => nameOf(key)))
    for (const name of this.#askedMs.keys()) if (!names.has(name)) this.#askedMs.delete(name)
    const heard = this.#heard
    const ageMs = blobsAreTold ? lastingAgeMs : resourcesAgeMs
    const isFresh = (askedMs: number) => !heard && atMs >= askedMs && atMs - askedMs < ageMs
    const due = listed.filter(({ key }) => !isFresh(this.#askedMs.get(nameOf(key)) ?? Number.NEGATIVE_INFINITY))
    const found = new Set<string>()
    // What is heard of from here on may have come after the answers.
    this.#heard = false
    try {
      await Promise.all(
        due.map(async ({ key }) => {
          const { content, ingesting } = holdingsOf((await this.#client.resources(this.#namespace, key.leaseId)) ?? [])
          if (content.size + ingesting.size > 0) found.add(nameOf(key))
        }),
      )
    } catch (error) {
      this.#heard ||= heard
      throw error
    }
    for (const { key } of due) this.#askedMs.set(nameOf(key), atMs)
    return found
  }
}
