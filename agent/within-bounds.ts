import type { ReportedPull } from '../core/contract/agent-report.ts'
import type { Layer } from '../core/contract/pull.ts'
import { pullBounds } from '../core/contract/words.ts'

/**
 * The pull as the contract lets it be told. Manifests and image records come from whoever made the image; one
 * such text too long would have the server refuse every report of this node for as long as the pull is in it.
 * What is optional and too long is left out, a name is cut, and a list of layers that cannot be told is empty.
 */
export function withinBounds(pull: ReportedPull): ReportedPull {
  const { imageRef, repository = '', digest = '', platform = '', layers } = pull
  const texts =
    imageRef.length <= pullBounds.imageRef &&
    repository.length <= pullBounds.repository &&
    digest.length <= pullBounds.digest &&
    platform.length <= pullBounds.platform
  const listed = layers.length <= pullBounds.layers && layers.every(hasDigest)
  // As nearly always: the same object, since who acknowledges compares by identity.
  if (texts && listed && layers.every(hasShortType)) return pull
  const { repository: _repository, digest: _digest, platform: _platform, ...rest } = pull
  return {
    ...rest,
    imageRef: imageRef.slice(0, pullBounds.imageRef),
    ...(pull.repository !== undefined && repository.length <= pullBounds.repository && { repository }),
    ...(pull.digest !== undefined && digest.length <= pullBounds.digest && { digest }),
    ...(pull.platform !== undefined && platform.length <= pullBounds.platform && { platform }),
    ...(listed
      ? { layers: layers.map(layer => (hasShortType(layer) ? layer : withoutType(layer))) }
      : { layers: [], totalKnown: false }),
  }
}

const hasDigest = ({ digest }: Layer) => digest !== '' && digest.length <= pullBounds.digest
const hasShortType = ({ mediaType = '' }: Layer) => mediaType.length <= pullBounds.mediaType

function withoutType({ mediaType: _mediaType, ...layer }: Layer): Layer {
  return layer
}
