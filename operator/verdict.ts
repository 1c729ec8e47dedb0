import { parsePulltraceConfig } from '../core/contract/parse-config.ts'
import type { PulltraceConfigSpec } from '../core/contract/pulltrace-config.ts'
import type { KubeObject } from '../core/kube/objects.ts'
import type { Verdict } from './status.ts'

export type Judged =
  | { readonly spec: PulltraceConfigSpec; readonly verdict?: undefined }
  | { readonly verdict: Verdict & { readonly is: 'stalled' }; readonly spec?: undefined }

/**
 * What is asked for, or why it cannot be done. The API server has checked most of it, but its CRD may be older than
 * this operator, or newer.
 */
export function judge(config: KubeObject, inForce: KubeObject | undefined): Judged {
  if (inForce !== undefined && inForce.metadata?.uid !== config.metadata?.uid) {
    const name = inForce.metadata?.name
    const message = `PulltraceConfig '${name}' is older and in force; this one takes over when that one is deleted`
    return stalled('AnotherConfigActive', message)
  }
  const { apiVersion, kind, metadata, spec } = config as KubeObject & { spec?: unknown }
  const { config: parsed, faults } = parsePulltraceConfig({
    apiVersion,
    kind,
    metadata: { name: metadata?.name },
    ...(spec !== undefined && { spec }),
  })
  if (parsed !== undefined) return { spec: parsed.spec ?? {} }
  const text = faults.map(({ message, fix }) => (fix === '' ? message : `${message}: ${fix}`)).join('; ')
  return stalled('InvalidSpec', text)
}

export function stalled(reason: string, message: string): { verdict: Verdict & { is: 'stalled' } } {
  return { verdict: { is: 'stalled', reason, message } }
}
