import type { PulltraceConfigSpec } from '../../core/contract/pulltrace-config.ts'
import type { KubeObject, Resource } from '../../core/kube/objects.ts'
import type { OperatorConfig } from '../config.ts'
import type { Owner } from './labels.ts'
import type { RulesKeys } from './rules-secret.ts'

/** Of the operator's settings, what reaches the objects. */
export type PlanSettings = Pick<OperatorConfig, 'image' | 'imagePullPolicy' | 'operatorNamespace' | 'agentNamespace'>

/** All that decides what is wanted. The builders are pure functions of it. */
export interface PlanInput {
  readonly owner: Owner
  readonly spec: PulltraceConfigSpec
  readonly settings: PlanSettings
  /** Of the Secret in the cluster, as far as is known. */
  readonly readerToken: string | undefined
  /** Random; for a cluster that has none. */
  readonly newReaderToken: string
  /** The same of the rule half. */
  readonly rulesKeys: RulesKeys | undefined
  readonly newRulesKeys: RulesKeys
  /** PEM of whom agents trust; undefined while there is no TLS, or its Secret cannot be read yet. */
  readonly caCertificate: string | undefined
  /** Where that certificate stands in the Secret, for whoever reads it there. */
  readonly caKey?: CaKey | undefined
  /** Whether the cluster knows the kind ServiceMonitor. */
  readonly hasServiceMonitors: boolean
  /** Of the StatefulSet in the cluster; a claim template can never change. */
  readonly claimTemplates: readonly ClaimTemplate[] | undefined
}

/** A self-signed certificate is its own issuer, and often comes without a `ca.crt`. */
export type CaKey = 'ca.crt' | 'tls.crt'

/** Of a volumeClaimTemplate, what a spec decides. */
export interface ClaimTemplate {
  readonly size: string
  readonly storageClassName: string | undefined
}

/** An object as it should be: what is not written here belongs to others. */
export interface Desired<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>
  readonly object: T
  /** Only where nobody has said it yet: what the cluster has is kept, also when we do not know of it. */
  readonly once?: boolean
}
