import { readFileSync } from 'node:fs'
import os from 'node:os'
import { threadId } from 'node:worker_threads'
import { version } from '../../../core/lib/version.ts'
import type { Metadata } from './options/metadata.ts'

export const sdkInfo = { name: '@trapperkeeper/sensor', version, apiType: 'typescript' }

type Env = Readonly<Record<string, string | undefined>>

/** What there is to know of this process; what is not known is left out. The server keeps what it knows the name of. */
export function systemMetadataOf(env: Env): Metadata {
  const inKubernetes = env['KUBERNETES_SERVICE_HOST'] !== undefined
  const facts: Record<string, string | undefined> = {
    hostname: os.hostname(),
    ip: firstAddress(),
    process_id: String(process.pid),
    thread_id: String(threadId),
    os_type: os.type(),
    os_version: os.release(),
    api_type: sdkInfo.apiType,
    api_version: sdkInfo.version,
    // The downward API gives them under names that the pod's author chooses; these are the usual ones.
    k8s_pod_name: env['K8S_POD_NAME'] || env['POD_NAME'] || (inKubernetes ? os.hostname() : undefined),
    k8s_pod_namespace: env['K8S_POD_NAMESPACE'] || env['POD_NAMESPACE'] || (inKubernetes ? podNamespace() : undefined),
  }
  const known = Object.entries(facts).filter((fact): fact is [string, string] => Boolean(fact[1]))
  return Object.fromEntries(known)
}

function firstAddress(): string | undefined {
  const addresses = Object.values(os.networkInterfaces()).flatMap(found => found ?? [])
  const outer = addresses.filter(({ internal }) => !internal)
  return (outer.find(({ family }) => family === 'IPv4') ?? outer[0])?.address
}

function podNamespace(): string | undefined {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim()
  } catch {
    // Not every pod has a service account mounted.
    return undefined
  }
}
