type Fields = Readonly<Record<string, unknown>>

/** Which manager set which fields of an object, by path. Lists are one field, unlike in a real API server. */
export type Managers = Map<string, ReadonlySet<string>>

export interface Applied {
  readonly object: Fields
  /** Fields that other managers have at another value; empty when forced. */
  readonly conflicts: readonly { readonly path: string; readonly manager: string }[]
}

/**
 * Server-side apply as far as our own programs lean on it: what is applied is set and owned, what the same manager
 * applied before and no longer does is removed, others' fields stay, and another value for them is a conflict.
 */
export function applyFields(
  live: Fields,
  applied: Fields,
  manager: string,
  managers: Managers,
  force: boolean,
): Applied {
  const object = structuredClone(live) as Record<string, unknown>
  const fields = leaves(applied)
  const ownedByOthers = (path: string) =>
    [...managers].find(([name, owned]) => name !== manager && owned.has(path))?.[0]

  const conflicts = [...fields].flatMap(([path, value]) => {
    const owner = ownedByOthers(path)
    return owner !== undefined && JSON.stringify(read(object, path)) !== JSON.stringify(value)
      ? [{ path, manager: owner }]
      : []
  })
  if (conflicts.length > 0 && !force) return { object: live, conflicts }

  for (const path of managers.get(manager) ?? []) {
    if (!fields.has(path) && ownedByOthers(path) === undefined) write(object, path, undefined)
  }
  for (const { path, manager: owner } of conflicts) {
    managers.set(owner, new Set([...managers.get(owner)!].filter(owned => owned !== path)))
  }
  for (const [path, value] of fields) write(object, path, value)
  managers.set(manager, new Set(fields.keys()))
  return { object, conflicts: [] }
}

/** Paths are JSON arrays, since a label's key has dots in it. What names the object is nobody's. */
export function leaves(value: unknown, at: readonly string[] = []): Map<string, unknown> {
  const naming =
    /^(apiVersion|kind|metadata\.(name|namespace|uid|resourceVersion|creationTimestamp|generation|managedFields))$/
  if (naming.test(at.join('.'))) return new Map()
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
  if (!isMap) return at.length === 0 ? new Map() : new Map([[JSON.stringify(at), value]])
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, [...at, key])]))
}

function read(object: Fields, path: string): unknown {
  let at: unknown = object
  for (const key of JSON.parse(path) as string[]) at = (at as Fields | undefined)?.[key]
  return at
}

function write(object: Record<string, unknown>, path: string, value: unknown): void {
  const keys = JSON.parse(path) as string[]
  const last = keys.pop()!
  let at = object
  for (const key of keys) {
    if (typeof at[key] !== 'object' || at[key] === null) {
      if (value === undefined) return
      at[key] = {}
    }
    at = at[key] as Record<string, unknown>
  }
  if (value === undefined) delete at[last]
  else at[last] = structuredClone(value)
}
