import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { formatShare } from '../../../../core/lib/format.ts'
import type { ImageNodes } from './image-book.ts'

export const groupings = ['image', 'workload', 'node', 'namespace', 'none'] as const
export type Grouping = (typeof groupings)[number]

/** The group of a pull. One that several workloads or namespaces wait for has a group of its own, named by all of them. */
export function groupOf(pull: Pull, by: Grouping): string {
  switch (by) {
    case 'image':
      return pull.imageRef
    case 'node':
      return pull.nodeName
    case 'workload':
      return (
        joined(pull.pods.map(pod => `${pod.namespace}/${pod.workload ?? `Pod/${pod.podName}`}`)) || 'no known workload'
      )
    case 'namespace':
      return joined(pull.pods.map(pod => pod.namespace)) || 'no known namespace'
    default:
      return ''
  }
}

const joined = (names: readonly string[]) => [...new Set(names)].sort().join(' + ')

/** `12 of 40 nodes have it, 3 failing: NotFound`. */
export function imageSentence({ nodes, have, failing, codes }: ImageNodes): string {
  const failed = failing === 0 ? '' : `, ${failing} failing${codes.length > 0 ? `: ${codes.join(', ')}` : ''}`
  return `${have} of ${nodes} ${nodes === 1 ? 'node has' : 'nodes have'} it${failed}`
}

/** `3 pulls, 120/400 MiB, 1 failing`. */
export function groupSentence(pulls: Iterable<Pull>): string {
  const sums = { active: 0, failed: 0, downloaded: 0, total: 0 }
  for (const pull of pulls) {
    if (pull.phase === 'failed') sums.failed++
    if (isTerminal(pull.phase)) continue
    sums.active++
    sums.downloaded += Math.min(pull.downloadedBytes, pull.totalBytes ?? 0)
    sums.total += pull.totalBytes ?? 0
  }
  return [
    `${sums.active} ${sums.active === 1 ? 'pull' : 'pulls'} under way`,
    ...(sums.total > 0 ? [formatShare(sums.downloaded, sums.total)] : []),
    ...(sums.failed > 0 ? [`${sums.failed} failing`] : []),
  ].join(', ')
}
