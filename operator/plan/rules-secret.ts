import { randomBytes } from 'node:crypto'
import { newApiKey, newSecretId } from '../../core/contract/api-key.ts'
import { clusterNames, rulesSecretKeys } from '../../core/contract/cluster-names.ts'
import type { V1Secret } from '../../core/kube/objects.ts'
import { secrets } from '../../core/kube/resources.ts'
import type { Desired, PlanInput } from './input.ts'
import { labelsOf, ownerReferenceOf } from './labels.ts'

/** What the rule half cannot start without, made here so that nobody has to. */
export interface RulesKeys {
  /** `<id>:<base64>`. */
  readonly hmacSecret: string
  /** `tk-v1-<id of that secret>-<random>`. */
  readonly apiKey: string
  readonly adminPassword: string
}

export function newRulesKeys(random: (bytes: number) => Buffer = randomBytes): RulesKeys {
  const id = newSecretId(random)
  return {
    hmacSecret: `${id}:${random(32).toString('base64')}`,
    apiKey: newApiKey(id, random),
    adminPassword: random(24).toString('base64url'),
  }
}

export function rulesKeysIn(secret: V1Secret | undefined): RulesKeys | undefined {
  const text = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString()
  const { hmacSecret, apiKey, adminPassword } = rulesSecretKeys
  const keys = { hmacSecret: text(hmacSecret), apiKey: text(apiKey), adminPassword: text(adminPassword) }
  return Object.values(keys).includes('') ? undefined : keys
}

/**
 * Made once and never replaced: with another secret every key that was given to a sensor would be worth nothing. So it
 * also stays while rules are switched off, and goes with the config.
 */
export function rulesSecret({
  owner,
  spec,
  settings,
  rulesKeys,
  newRulesKeys,
}: PlanInput): Desired<V1Secret> | undefined {
  if (!spec.rules?.enabled && rulesKeys === undefined) return undefined
  const keys = rulesKeys ?? newRulesKeys
  const data = Object.entries(rulesSecretKeys).map(([name, key]) => {
    return [key, Buffer.from(keys[name as keyof RulesKeys]).toString('base64')]
  })
  const object: V1Secret = {
    apiVersion: secrets.apiVersion,
    kind: secrets.kind,
    metadata: {
      name: clusterNames.rules,
      namespace: settings.operatorNamespace,
      labels: labelsOf(owner, 'rules'),
      ownerReferences: [ownerReferenceOf(owner)],
    },
    type: 'Opaque',
    data: Object.fromEntries(data),
  }
  return { resource: secrets, object, once: rulesKeys === undefined }
}
