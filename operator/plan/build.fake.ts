import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { KubeObject } from '../../core/kube/objects.ts'
import type { Desired, PlanInput } from './input.ts'
import { desiredOf } from './plan.ts'

export const settings = {
  image: 'registry.example.com/pulltrace:1',
  imagePullPolicy: 'IfNotPresent',
  operatorNamespace: 'pulltrace-system',
  agentNamespace: 'pulltrace-agents',
} as const

export function inputOf(spec: PulltraceConfigSpec = {}, other: Partial<PlanInput> = {}): PlanInput {
  return {
    owner: { name: 'pulltrace', uid: 'u-1' },
    spec,
    settings,
    readerToken: 'a-token',
    newReaderToken: 'a-new-token',
    rulesKeys: undefined,
    newRulesKeys: { hmacSecret: 'id:c2VjcmV0', apiKey: 'tk-v1-id-random', adminPassword: 'first' },
    caCertificate: undefined,
    hasServiceMonitors: false,
    claimTemplates: undefined,
    ...other,
  }
}

/** The objects as an API server lists them: with a UID, a version and fields that it wrote, without their kind. */
export function madeOf(input: PlanInput): Desired[] {
  return desiredOf(input).map(({ resource, object }, index) => ({
    resource,
    object: {
      ...withoutKind(structuredClone(object)),
      metadata: { ...structuredClone(object.metadata), uid: `o-${index}`, resourceVersion: `${index + 1}` },
      status: { conditions: [] },
    },
  }))
}

const withoutKind = ({ apiVersion: _, kind: __, ...fields }: KubeObject) => fields
