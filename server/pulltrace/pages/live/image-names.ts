import type { Pull } from '../../../../core/contract/pull.ts'
import { parseImageRef } from '../../../../core/pulls/image-ref.ts'

/**
 * What an image is called: as the pull says, and by its content, as a pull is of which nobody has told the tag. A pull
 * that fails outside Kubernetes is such a one: a runtime writes its tag down when it has completed.
 */
export function namesOf({ imageRef, digest }: Pick<Pull, 'imageRef'> & { readonly digest?: string | undefined }) {
  const repository = digest === undefined ? undefined : parseImageRef(imageRef)?.repository
  return repository === undefined ? [imageRef] : [...new Set([imageRef, `${repository}@${digest}`])]
}
