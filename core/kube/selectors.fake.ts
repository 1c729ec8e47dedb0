import type { KubeObject } from './objects.ts'

/** Whether an object is among those a list or watch asks for. Equality, inequality, presence and `in`, as we use. */
export function matches(object: KubeObject, labelSelector: string | null, fieldSelector: string | null): boolean {
  const labels: Readonly<Record<string, string>> = object.metadata?.labels ?? {}
  return (
    requirements(labelSelector).every(each => holds(each, key => labels[key])) &&
    requirements(fieldSelector).every(each => holds(each, key => fieldOf(object, key)))
  )
}

/** Commas part requirements, but not the values of `in (a,b)`. */
const requirements = (selector: string | null): string[] => (selector ? selector.split(/,(?![^(]*\))/) : [])

function holds(requirement: string, value: (key: string) => string | undefined): boolean {
  const set = /^(\S+) (in|notin) \(([^)]*)\)$/.exec(requirement)
  if (set) return set[3]!.split(',').includes(value(set[1]!) ?? '') === (set[2] === 'in')
  const pair = /^([^!=]+)(!?=)=?(.*)$/.exec(requirement)
  if (pair) return ((value(pair[1]!) ?? '') === pair[3]) === (pair[2] === '=')
  if (requirement.startsWith('!')) return value(requirement.slice(1)) === undefined
  return value(requirement) !== undefined
}

function fieldOf(object: KubeObject, path: string): string | undefined {
  let at: unknown = object
  for (const name of path.split('.')) at = (at as Record<string, unknown> | undefined)?.[name]
  return at === undefined ? undefined : String(at)
}
