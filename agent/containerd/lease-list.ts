import type { LeaseKey } from '../source.ts'
import type { ContainerdClient, Lease } from './client.ts'
import { belongsToBuildKit, leaseKeyOf, nameOf } from './keys.ts'

export interface Listed {
  readonly lease: Lease
  readonly key: LeaseKey
}

/** The leases of one containerd namespace that may be pulls, by name. The same answer as before is not arranged again. */
export class LeaseList {
  readonly #ask: () => Promise<readonly Lease[]>
  readonly #namespace: string
  #leases: readonly Lease[] = []
  #byName: ReadonlyMap<string, Listed> = new Map()

  constructor(client: ContainerdClient, namespace: string) {
    this.#ask = client.leasesOf(namespace)
    this.#namespace = namespace
  }

  async byName(): Promise<ReadonlyMap<string, Listed>> {
    const leases = await this.#ask()
    if (leases === this.#leases) return this.#byName
    const byName = new Map<string, Listed>()
    for (const lease of leases) {
      if (belongsToBuildKit(lease)) continue
      const key = leaseKeyOf(this.#namespace, lease)
      byName.set(nameOf(key), { lease, key })
    }
    this.#leases = leases
    this.#byName = byName
    return byName
  }
}
