import type { KubeApi } from '../../core/kube/kube-api.ts'
import type { CoreV1Event, V1Pod } from '../../core/kube/objects.ts'
import { events, pods } from '../../core/kube/resources.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { kubeFault, podGrants } from './kube-fault.ts'

/** Events of one pod are some dozens; who may write events can write more. */
const maxEvents = 500

export interface PodFacts {
  readonly pod: V1Pod
  readonly events: readonly CoreV1Event[]
  /** Why there are no events: then less can be told. */
  readonly eventsFault: PulltraceError | undefined
}

/** A pod and what was said of it. Throws when there is no such pod, or it may not be seen. */
export async function readPod(kube: KubeApi, namespace: string, asked: string, signal: AbortSignal): Promise<PodFacts> {
  const name = asked.replace(/^pods?\//, '')
  const fault = (reason: unknown) => kubeFault(reason, kube.serverUrl, podGrants(harmless(namespace)))
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) {
    throw new PulltraceError(Code.Invalid, `'${harmless(asked)}' is no pod's name`, {
      fix: 'give it as `kubectl get pods` shows it',
    })
  }
  const pod = await kube.get(pods, name, { namespace, signal }).catch(reason => {
    throw signal.aborted ? reason : fault(reason)
  })
  if (pod === undefined) {
    throw new PulltraceError(Code.NotFound, `there is no pod '${name}' in namespace '${harmless(namespace)}'`, {
      fix: `kubectl -n ${harmless(namespace)} get pods shows those that are; -n names another namespace`,
    })
  }
  const fieldSelector = `involvedObject.name=${name},involvedObject.uid=${pod.metadata?.uid ?? ''}`
  try {
    const { items } = await kube.list(events, { namespace, fieldSelector, limit: maxEvents, signal })
    return { pod, events: items, eventsFault: undefined }
  } catch (reason) {
    if (signal.aborted) throw reason
    return { pod, events: [], eventsFault: fault(reason) }
  }
}
