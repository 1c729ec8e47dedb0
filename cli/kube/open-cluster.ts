import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { type KubeApi, openKubeApi } from '../../core/kube/kube-api.ts'
import { Code, PulltraceError } from '../../core/lib/errors.ts'
import type { Env } from '../../core/lib/settings.ts'
import { version } from '../../core/lib/version.ts'

/** kubectl's own flags, by its names. */
export interface KubeOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
  readonly allNamespaces?: boolean
  /** Where Pulltrace is installed. */
  readonly pulltraceNamespace?: string
}

/** The cluster that kubectl would talk to: --kubeconfig, $KUBECONFIG, ~/.kube/config, or that of the pod we are in. */
export async function openCluster({ kubeconfig, context }: KubeOptions, env: Env): Promise<KubeApi> {
  const userAgent = `pulltrace-cli/${version}`
  return openKubeApi({ kubeconfigFile: kubeconfigFilesOf(kubeconfig, env), context, userAgent, env })
}

/** Undefined: this is a pod. */
export function kubeconfigFilesOf(asked: string | undefined, env: Env): string | undefined {
  if (asked !== undefined) return asked
  // As kubectl: of several files those that are not there are no fault, as long as one is.
  const named = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter(file => file !== '')
  const there = named.filter(file => existsSync(file))
  if (there.length > 0) return there.join(path.delimiter)
  const usual = path.join(env['HOME'] || homedir(), '.kube', 'config')
  if (named.length === 0 && existsSync(usual)) return usual
  if (named.length === 0 && env['KUBERNETES_SERVICE_HOST']) return undefined
  const seen =
    named.length > 0 ? `$KUBECONFIG names '${named.join(path.delimiter)}', which is not there` : `there is no ${usual}`
  throw new PulltraceError(Code.Invalid, `no kubeconfig: ${seen}`, {
    fix: 'name one: --kubeconfig FILE, or KUBECONFIG',
  })
}
