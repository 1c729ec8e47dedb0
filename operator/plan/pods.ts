import { imageUser, type Launch } from '../../core/contract/launch.ts'
import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { V1Container, V1EnvVar, V1PodSpec } from '../../core/kube/objects.ts'
import { parseQuantity } from '../../core/lib/quantity.ts'
import type { PlanSettings } from './input.ts'

/** As the Pod Security level `restricted` wants it. */
export const podSecurity: NonNullable<V1PodSpec['securityContext']> = {
  runAsNonRoot: true,
  runAsUser: imageUser,
  runAsGroup: imageUser,
  seccompProfile: { type: 'RuntimeDefault' },
}

const containerSecurity: NonNullable<V1Container['securityContext']> = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
}

/** What the containers of all programs have in common. */
export function containerOf(
  name: string,
  { image, imagePullPolicy }: PlanSettings,
  { command, env }: Launch,
  settings: readonly V1EnvVar[],
): V1Container {
  return {
    name,
    image,
    imagePullPolicy,
    command: [...command],
    env: [...envOf(env), ...settings],
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
  }
}

/** An empty value would come back without the field, and look like a change for ever. */
export function envOf(values: Readonly<Record<string, string>>): V1EnvVar[] {
  return Object.entries(values)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => ({ name, value }))
}

export function imagePullSecretsOf(spec: PulltraceConfigSpec): Pick<V1PodSpec, 'imagePullSecrets'> {
  const secrets = spec.imagePullSecrets ?? []
  return secrets.length === 0 ? {} : { imagePullSecrets: secrets.map(({ name }) => ({ name })) }
}

type Resources = { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> }

const isBelow = (one: string, other: string) => (parseQuantity(one) ?? 0) < (parseQuantity(other) ?? 0)

/** Each resource that the spec does not name keeps its default; a request is never above what the spec limits. */
export function resourcesOf(given: Resources | undefined, defaults: Required<Resources>) {
  const limits = { ...defaults.limits, ...given?.limits }
  const requests = { ...defaults.requests, ...given?.requests }
  for (const [name, request] of Object.entries(defaults.requests)) {
    const limit = limits[name]
    const isDefault = given?.requests?.[name] === undefined
    if (isDefault && limit !== undefined && isBelow(limit, request)) requests[name] = limit
  }
  // The same the other way: a default limit below a request that was asked for gives way.
  for (const [name, limit] of Object.entries(defaults.limits)) {
    const request = requests[name]
    const isDefault = given?.limits?.[name] === undefined
    if (isDefault && request !== undefined && isBelow(limit, request)) limits[name] = request
  }
  return { requests, limits }
}
