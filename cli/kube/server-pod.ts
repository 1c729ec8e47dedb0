import type { V1Pod } from '../../core/kube/objects.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import { harmless } from '../../core/lib/harmless.ts'

/** What the Service `pulltrace-server` selects. People may list pods where they may not get Services. */
export const serverSelector = 'app.kubernetes.io/name=pulltrace,app.kubernetes.io/component=server'

/** The pod that serves, and how it wants to be spoken to. */
export interface ServerPod {
  readonly namespace: string
  readonly pod: string
  readonly port: number
  readonly tls: boolean
  /** As its own settings have it: what a PulltraceConfig asks for may not be in force yet. */
  readonly readerAuth: 'token' | 'kubernetes' | 'none'
}

/** The one of these pods that is Ready; the newest, should there be two. Throws Unavailable when none serves. */
export function serverPodOf(namespace: string, pods: readonly V1Pod[]): ServerPod {
  const ready = pods
    .filter(({ metadata, status }) => !metadata?.deletionTimestamp && isTrue(status, 'Ready'))
    .sort((a, b) => createdMs(b) - createdMs(a))[0]
  if (ready === undefined) throw noneReady(namespace, pods)
  const name = ready.metadata?.name ?? ''
  const container = ready.spec?.containers.find(({ ports }) => ports?.some(isHttp))
  const port = container?.ports?.find(isHttp)?.containerPort
  if (port === undefined) {
    throw new PulltraceError(Code.Invalid, `pod ${harmless(`${namespace}/${name}`)} has no port named 'http'`, {
      fix: 'use a kubectl-pulltrace of the version that is installed in the cluster',
    })
  }
  const setting = (variable: string) => container?.env?.find(({ name }) => name === variable)?.value
  return {
    namespace,
    pod: name,
    port,
    tls: !!setting('PULLTRACE_TLS_CERT_FILE'),
    readerAuth: readerAuthOf(setting('PULLTRACE_READER_AUTH')),
  }
}

function noneReady(namespace: string, pods: readonly V1Pod[]): PulltraceError {
  if (pods.length === 0) {
    return new PulltraceError(Code.Unavailable, `no pod of pulltrace-server is in namespace ${harmless(namespace)}`, {
      fix: 'apply a PulltraceConfig (kubectl get pulltraceconfigs shows how it stands), or say where: --pulltrace-namespace',
    })
  }
  const states = pods.map(pod => `${harmless(pod.metadata?.name ?? '')} is ${stateOf(pod)}`).join(', ')
  return new PulltraceError(Code.Unavailable, `no pod of pulltrace-server is ready: ${states}`, {
    fix: `kubectl -n ${harmless(namespace)} describe pods -l ${serverSelector}`,
  })
}

/** The server's own default is `token`. */
const readerAuthOf = (text: string | undefined) => (text === 'kubernetes' || text === 'none' ? text : 'token')

const isHttp = ({ name }: { name?: string }) => name === 'http'

const isTrue = (status: V1Pod['status'], type: string) =>
  status?.conditions?.some(condition => condition.type === type && condition.status === 'True') === true

function stateOf({ metadata, status }: V1Pod): string {
  if (metadata?.deletionTimestamp) return 'being deleted'
  const waiting = status?.containerStatuses?.find(({ state }) => state?.waiting)?.state?.waiting?.reason
  return harmless(waiting ?? `${status?.phase ?? 'in no phase'} but not Ready`)
}

const createdMs = ({ metadata }: V1Pod) => Date.parse(metadata?.creationTimestamp ?? '') || 0
