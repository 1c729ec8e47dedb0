import type { KubeObject, Resource } from './objects.ts'

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** Everything in it is one segment: a name with a slash cannot reach another object. */
export function resourcePath(
  { apiVersion, plural, namespaced }: Resource<KubeObject>,
  {
    namespace,
    name,
    subresource,
  }: { namespace?: string | undefined; name?: string | undefined; subresource?: string | undefined },
): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const segments = [
    ...(namespaced && namespace !== undefined ? ['namespaces', namespace] : []),
    plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ]
  for (const segment of segments) {
    // A URL takes these for "here" and "above", even when they are escaped.
    if (segment === '' || segment === '.' || segment === '..') {
      throw new TypeError(`'${segment}' may not be a name in a path of the Kubernetes API`)
    }
  }
  return `${root}/${segments.map(encodeURIComponent).join('/')}`
}

export function queryOf(query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) params.set(key, String(value))
  return params.size === 0 ? '' : `?${params}`
}
