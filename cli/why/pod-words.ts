import { harmless } from '../../core/lib/harmless.ts'
import type { WaitsFor } from './explain.ts'
import type { PodWarning } from './kubelet-news.ts'
import type { PodView } from './pod-view.ts'
import { shortReason } from './pull-words.ts'

/** What is said of the whole pod, where no container need be looked at; undefined when one must be. */
export function podText(
  { metadata, spec, status }: PodView,
  warnings: readonly PodWarning[],
): { readonly waitsFor: WaitsFor; readonly text: string } | undefined {
  if (metadata?.deletionTimestamp) return { waitsFor: 'nothing', text: 'is being deleted' }
  if (status?.phase === 'Succeeded') return { waitsFor: 'nothing', text: 'has done its work and waits for nothing' }
  if (status?.phase === 'Failed') {
    const said = [status.reason, status.message].filter(Boolean).map(text => shortReason(text!))
    return {
      waitsFor: 'nothing',
      text: `has failed and is not started again${said.length > 0 ? `: ${said.join(': ')}` : ''}`,
    }
  }
  if (spec?.nodeName) return undefined
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  const refused = warnings.find(({ reason }) => reason === 'FailedScheduling')
  const reason = scheduled?.reason === 'SchedulingGated' ? 'SchedulingGated' : 'FailedScheduling'
  const message = scheduled?.message || refused?.message
  const because =
    message === undefined ? 'no scheduler has looked at it yet' : `${reason}: ${shortReason(harmless(message))}`
  return { waitsFor: 'scheduling', text: `waits for a node, and that has nothing to do with images: ${because}` }
}
