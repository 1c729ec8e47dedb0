import { readFile } from 'node:fs/promises'

/** One answered request, as the API server's audit log has it (level Metadata: no bodies). */
export interface AuditEvent {
  readonly auditID: string
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic'
  readonly verb: string
  readonly requestURI: string
  readonly user: { readonly username: string; readonly groups?: readonly string[] }
  readonly userAgent?: string
  /** Absent for URLs that are no resource: /version. */
  readonly objectRef?: {
    readonly resource: string
    readonly subresource?: string
    readonly apiGroup?: string
    readonly apiVersion?: string
    readonly namespace?: string
    readonly name?: string
  }
  readonly responseStatus?: { readonly code: number; readonly reason?: string }
  readonly requestReceivedTimestamp: string
  /** `authorization.k8s.io/decision` and `/reason`: which binding of which role allowed it. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** Watches stand twice: when they began (ResponseStarted) and when they ended. */
export const auditPolicy = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
})

export async function readAudit(file: string): Promise<AuditEvent[]> {
  const lines = (await readFile(file, 'utf8')).split('\n')
  // The last line may still be being written.
  return lines.slice(0, -1).map(line => JSON.parse(line) as AuditEvent)
}
