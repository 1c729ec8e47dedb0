import type { KubeObject, Resource } from './objects.ts'
import * as resources from './resources.ts'

/** What a path of the API names. */
export interface Place {
  readonly apiVersion: string
  /** `pods`, `daemonsets.apps`. */
  readonly kind: string
  readonly kindName: string
  readonly namespace: string | undefined
  readonly name: string | undefined
  /** `namespace/name`, or the name alone. */
  readonly key: string
  readonly subresource: string | undefined
}

const known: readonly Resource<KubeObject>[] = Object.values(resources)

export function placeOf(path: string): Place | undefined {
  const match =
    /^\/(?:api\/(v1)|apis\/([^/]+)\/([^/]+))\/(?:namespaces\/([^/]+)\/(?=[^/]+))?([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(
      path,
    )
  if (!match) return undefined
  const [, core, group, version, namespace, plural, name, subresource] = match.map(
    part => part && decodeURIComponent(part),
  )
  const apiVersion = core ?? `${group}/${version}`
  const kindName = known.find(each => each.plural === plural && each.apiVersion === apiVersion)?.kind ?? plural!
  return {
    apiVersion,
    kind: group === undefined ? plural! : `${plural}.${group}`,
    kindName,
    namespace,
    name,
    key: namespace === undefined ? (name ?? '') : `${namespace}/${name ?? ''}`,
    subresource,
  }
}
