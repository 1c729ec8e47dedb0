import type { AuditEvent } from '../cluster/audit.ts'

/** One thing that a role allows: one verb on one resource, of one name where the rule has names. */
export interface Grant {
  readonly role: string
  /** Undefined: in every namespace, and for what is in none. */
  readonly namespace: string | undefined
  readonly group: string
  readonly resource: string
  readonly name: string | undefined
  readonly verb: string
}

interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules?: readonly Rule[]
  readonly roleRef?: { readonly kind: string; readonly name: string }
  readonly subjects?: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[]
}

/** All that these manifests allow a ServiceAccount. */
export function grantsOf(manifests: readonly Manifest[], namespace: string, account: string): Grant[] {
  const bindings = manifests.filter(({ subjects = [] }) =>
    subjects.some(subject => subject.name === account && subject.namespace === namespace),
  )
  return bindings.flatMap(({ kind, roleRef, metadata }) => {
    const where = kind === 'RoleBinding' ? metadata.namespace : undefined
    const role = manifests.find(
      other =>
        other.kind === roleRef?.kind &&
        other.metadata.name === roleRef.name &&
        (other.kind === 'ClusterRole' || other.metadata.namespace === where),
    )
    const name = `${role?.kind} ${where === undefined ? '' : `${where}/`}${role?.metadata.name}`
    return (role?.rules ?? []).flatMap(rule => grantsOfRule(rule, name, where))
  })
}

function grantsOfRule(rule: Rule, role: string, namespace: string | undefined): Grant[] {
  const grants: Grant[] = []
  for (const group of rule.apiGroups ?? []) {
    for (const resource of rule.resources ?? []) {
      for (const name of rule.resourceNames ?? [undefined]) {
        for (const verb of rule.verbs) grants.push({ role, namespace, group, resource, name, verb })
      }
    }
  }
  return grants
}

/** Whether a request that was answered well needed this. */
export function isUsed(grant: Grant, events: readonly AuditEvent[]): boolean {
  return events.some(({ verb, objectRef, requestURI, responseStatus }) => {
    const code = responseStatus?.code ?? 0
    if (!objectRef || code < 200 || code > 299) return false
    const resource = objectRef.subresource ? `${objectRef.resource}/${objectRef.subresource}` : objectRef.resource
    // A list or watch of one object names it in its field selector.
    const name = objectRef.name ?? new URL(requestURI, 'http://a').searchParams.get('fieldSelector')?.split('=')[1]
    // A server-side apply that makes the object needs `create`, too.
    const verbs = verb === 'patch' && code === 201 ? ['patch', 'create'] : [verb]
    return (
      verbs.includes(grant.verb) &&
      (objectRef.apiGroup ?? '') === grant.group &&
      resource === grant.resource &&
      (grant.namespace === undefined || objectRef.namespace === grant.namespace) &&
      (grant.name === undefined || name === grant.name)
    )
  })
}

export const asText = ({ role, verb, resource, name }: Grant) =>
  `${role}: ${verb} ${resource}${name === undefined ? '' : ` ${name}`}`
