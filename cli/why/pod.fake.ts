import type { EventView, PodView, StatusView } from './pod-view.ts'

/** When the tests ask. */
export const now = '2026-11-21T10:00:30Z'
export const nowMs = Date.parse(now)

/** A time so many seconds before `now`. Whole seconds, as the kubelet's events have them. */
export const ago = (seconds: number) => new Date(nowMs - seconds * 1000).toISOString().replace('.000', '')

export const image = 'registry.example.com/team/app:v1'

/** A status of one container that waits. */
export const waiting = (name: string, reason: string, message?: string): StatusView => ({
  name,
  ready: false,
  state: { waiting: { reason, ...(message !== undefined && { message }) } },
})
export const running = (name: string, ready = true): StatusView => ({
  name,
  ready,
  started: true,
  state: { running: {} },
})
export const ended = (name: string, exitCode: number, more: object = {}): StatusView => ({
  name,
  state: { terminated: { exitCode, ...more } },
})

/** Pod shop/web on node-a, with one container `app`, of which a test says only what matters to it. */
export function buildPod(over: {
  readonly metadata?: PodView['metadata']
  readonly spec?: PodView['spec']
  readonly status?: PodView['status']
}): PodView {
  return {
    metadata: { namespace: 'shop', name: 'web', uid: 'u1', ...over.metadata },
    spec: { nodeName: 'node-a', containers: [{ name: 'app', image }], ...over.spec },
    status: { phase: 'Pending', containerStatuses: [waiting('app', 'ContainerCreating')], ...over.status },
  }
}

/** An event of the kubelet about one container, seen last so many seconds ago. */
export function buildEvent(
  reason: string,
  message: string,
  secondsAgo: number,
  { container = 'app', init = false, count = 1, type = 'Normal' } = {},
): EventView {
  const fieldPath = `spec.${init ? 'initContainers' : 'containers'}{${container}}`
  return { type, reason, message, count, lastTimestamp: ago(secondsAgo), involvedObject: { fieldPath } }
}

export const pulling = (secondsAgo: number, options?: Parameters<typeof buildEvent>[3]) =>
  buildEvent('Pulling', `Pulling image "${image}"`, secondsAgo, options)
export const pulled = (secondsAgo: number, options?: Parameters<typeof buildEvent>[3]) =>
  buildEvent('Pulled', `Successfully pulled image "${image}" in 1s`, secondsAgo, options)
export const failed = (text: string, secondsAgo: number, count = 1) =>
  buildEvent('Failed', `Failed to pull image "${image}": ${text}`, secondsAgo, { count, type: 'Warning' })
export const podWarning = (reason: string, message: string, secondsAgo: number): EventView => ({
  type: 'Warning',
  reason,
  message,
  lastTimestamp: ago(secondsAgo),
  involvedObject: {},
})

/** As containerd 2 says it through a kubelet of 1.36. */
export const notFound = `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`
