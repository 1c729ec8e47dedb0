import { isCollection, isMap, isScalar, type Node } from 'yaml'

/** Where each field of a YAML document begins, by its path as faults write it: `any[0].all[2].value`. */
export type Places = ReadonlyMap<string, number>

export function placesOf(contents: Node): Places {
  const places = new Map([['', contents.range![0]]])
  locate(contents, '', places)
  return places
}

function locate(node: unknown, path: string, places: Map<string, number>): void {
  if (!isCollection(node)) return
  for (const [index, item] of node.items.entries()) {
    if (!isMap(node)) {
      const here = `${path}[${index}]`
      const start = (item as Node | null)?.range?.[0]
      if (start !== undefined) places.set(here, start)
      locate(item, here, places)
      continue
    }
    const { key, value } = item as { key: unknown; value: unknown }
    if (!isScalar(key)) continue
    const here = path === '' ? String(key.value) : `${path}.${key.value}`
    if (key.range) places.set(here, key.range[0])
    locate(value, here, places)
  }
}

/** The offset of the field, or of the nearest that is there: a missing field has no place of its own. */
export function offsetOf(path: string, places: Places): number {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf('.'), at.lastIndexOf('['), 0))) {
    const offset = places.get(at)
    if (offset !== undefined) return offset
    if (at === '') return 0
  }
}
