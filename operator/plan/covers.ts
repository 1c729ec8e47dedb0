import { isSameQuantity } from '../../core/lib/quantity.ts'

/**
 * Whether every field that is wanted has its value in the object that is there. What is there besides is a default of
 * the API server or somebody else's field, and is none of our business.
 */
export function covers(there: unknown, wanted: unknown, key = ''): boolean {
  // An empty list or map is not kept: what is absent is as empty.
  if (there === undefined && isEmpty(wanted)) return true
  if (Array.isArray(wanted)) return Array.isArray(there) && coversList(there, wanted, key)
  if (isFields(wanted)) {
    return (
      isFields(there) && Object.entries(wanted).every(([name, value]) => covers(there[name], value, pathOf(key, name)))
    )
  }
  return there === wanted || isQuantityThere(there, wanted, key)
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** Only the last two matter: `requests.memory`. */
const pathOf = (key: string, name: string) => `${key.slice(key.lastIndexOf('.') + 1)}.${name}`

/** By what server-side apply tells the items of a list apart: others may have put some of theirs between ours. */
const itemKeys = ['name', 'mountPath', 'uid'] as const

/** Lists that have such items and are one value all the same. */
const atomicLists: ReadonlySet<string> = new Set(['volumeClaimTemplates', 'imagePullSecrets'])

function coversList(there: readonly unknown[], wanted: readonly unknown[], key: string): boolean {
  const name = key.slice(key.lastIndexOf('.') + 1)
  const itemKey = atomicLists.has(name) ? undefined : keyOfItems(name, wanted)
  if (itemKey === undefined) {
    return there.length === wanted.length && wanted.every((item, index) => covers(there[index], item, key))
  }
  return wanted.every(item => {
    const same = there.find(other => isFields(other) && other[itemKey] === (item as Fields)[itemKey])
    return covers(same, item, key)
  })
}

function keyOfItems(list: string, items: readonly unknown[]): string | undefined {
  // Mounts have a name too, the volume's, and one volume may be mounted twice.
  const keys = list === 'volumeMounts' ? ['mountPath'] : list === 'ownerReferences' ? ['uid'] : itemKeys
  return keys.find(key => items.length > 0 && items.every(item => isFields(item) && typeof item[key] === 'string'))
}

/** The API server writes a quantity in its own way: `1024Mi` comes back as `1Gi`. */
function isQuantityThere(there: unknown, wanted: unknown, key: string): boolean {
  if (!/^(requests|limits)\.|\.(storage|sizeLimit)$/.test(key)) return false
  return typeof there === 'string' && typeof wanted === 'string' && isSameQuantity(there, wanted)
}
