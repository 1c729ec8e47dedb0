import type { ImageRecord, SeenImage } from './source.ts'

export interface ImageName {
  readonly imageRef: string
  readonly repository: string | undefined
}

/** As long as the pull goes on no record names it: labels tell the repository, a tag is never guessed. */
export function activeNameOf({ digest, repositories }: SeenImage): ImageName | undefined {
  const repository = repositories[0]
  return repository === undefined ? undefined : { imageRef: `${repository}@${digest}`, repository }
}

/**
 * The record that this pull made. containerd's CRI makes three: `host/repo:tag`, `host/repo@digest`
 * and the config's bare digest; people know the first. `taken` names those of other pulls of this image.
 * Undefined when several tags could be it: then none of them is said.
 */
export function recordOf(
  image: SeenImage,
  records: readonly ImageRecord[],
  taken: (record: ImageRecord) => boolean,
): ImageRecord | undefined {
  const named = records.filter(({ name }) => !/^[a-z0-9]+:[0-9a-f]{32,}$/.test(name))
  const ours = named.filter(({ name }) => image.repositories.includes(withoutPort(repositoryOf(name))))
  const fitting = ours.length > 0 ? ours : named
  const tags = fitting.filter(({ name }) => !name.includes('@'))
  const free = tags.filter(record => !taken(record))
  const candidates = tags.length === 0 ? fitting : free.length > 0 ? free : tags
  return candidates.length === 1 ? candidates[0] : undefined
}

/** `host:5000/team/app:v1@sha256:…` -> `host:5000/team/app` */
export const repositoryOf = (name: string): string => name.replace(/@.*$/, '').replace(/:[^/:]+$/, '')

/** The labels on blobs come without it (containerd 2.4.2, core/remotes/docker/handler.go). */
export const withoutPort = (repository: string): string => repository.replace(/^([^/]+):\d+\//, '$1/')

export function endedNameOf(image: SeenImage, record: ImageRecord | undefined): ImageName | undefined {
  if (!record) return activeNameOf(image)
  return { imageRef: record.name, repository: repositoryOf(record.name) }
}
