/** What Docker calls its own registry in names that leave it out. */
const defaultRegistry = 'docker.io'

/** The key of pulls whose image has no name: not resolved, or an ingest of a v1 report that nobody could name. */
export const unknownRegistry = '(unknown)'

/**
 * The host part of `host/repository`, as Docker and containerd read it: the part before the
 * first slash when it looks like a host (a dot, a port, `localhost`).
 */
export function registryOf(name: string): string {
  if (name === '' || name.startsWith('(')) return unknownRegistry
  const slash = name.indexOf('/')
  const host = name.slice(0, Math.max(slash, 0))
  return host.includes('.') || host.includes(':') || host === 'localhost' ? host : defaultRegistry
}
