import { isDeepStrictEqual } from 'node:util'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { KubeApi } from '../core/kube/kube-api.ts'
import type { CustomObject } from '../core/kube/objects.ts'
import type { EventRecorder } from '../core/kube/recorder.ts'
import { pulltraceConfigs } from '../core/kube/resources.ts'
import type { Clock } from '../core/lib/clock.ts'
import { fieldManager } from './carry-out.ts'
import type { Desired } from './plan/input.ts'
import { isOurs, isOwnedBy } from './plan/labels.ts'
import { runningOf } from './running.ts'
import { type ConfigStatus, statusOf, type Verdict } from './status.ts'

export interface StatusWriter {
  readonly api: Pick<KubeApi, 'apply'>
  readonly events: Pick<EventRecorder, 'event'>
  readonly clock: Clock
}

/** Writes what is new in it, and tells people by an Event when it has become good or bad. */
export async function writeStatus(
  { api, clock, events }: StatusWriter,
  config: CustomObject,
  verdict: Verdict,
  live: readonly Desired[],
  spec: PulltraceConfigSpec | undefined,
  signal: AbortSignal,
): Promise<ConfigStatus> {
  const { name, uid, generation = 1 } = config.metadata ?? {}
  const before = statusIn(config)
  const running = runningOf(
    live.filter(({ object }) => isOurs(object) && isOwnedBy(object, uid)),
    spec,
  )
  const status = statusOf(verdict, running, before, generation, clock.now())
  if (isDeepStrictEqual(before, status)) return status
  const object = { metadata: { name, uid }, status } as CustomObject
  const written = await api.apply(pulltraceConfigs, object, {
    fieldManager,
    force: true,
    subresource: 'status',
    signal,
  })
  // The next write of this look compares with what this one wrote.
  config.status = written.status
  for (const { type, status: is, reason, message } of status.conditions) {
    const was = before?.conditions.find(condition => condition.type === type)
    if (type === 'Ready' && is === 'True' && was?.status !== 'True')
      events.event(config, 'Normal', 'Ready', message, 'Look')
    if ((type === 'Stalled' || type === 'Degraded') && is === 'True' && was?.reason !== reason) {
      events.event(config, 'Warning', reason, message, 'Look')
    }
  }
  return status
}

export function statusIn({ status }: CustomObject): ConfigStatus | undefined {
  const { conditions } = (status ?? {}) as Partial<ConfigStatus>
  return conditions === undefined || conditions.length === 0 ? undefined : (status as ConfigStatus)
}
