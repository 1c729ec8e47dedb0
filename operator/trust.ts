import { X509Certificate } from 'node:crypto'
import type { V1Secret } from '../core/kube/objects.ts'
import type { CaKey } from './plan/input.ts'

/** What agents trust, or why they could not. */
export type Trust =
  | { readonly certificate: string; readonly key: CaKey; readonly trouble?: undefined }
  | { readonly trouble: string; readonly certificate?: undefined; readonly key?: undefined }

/**
 * Whom agents must trust to speak with these Services, which have this Secret's certificate: `ca.crt`, as cert-manager writes
 * it, else a self-signed certificate itself. Looked at here, since an agent that cannot connect says so on its node only.
 */
export function trustOf(
  secret: V1Secret | undefined,
  name: string,
  namespace: string,
  services: readonly string[],
): Trust {
  const where = `Secret '${name}' in namespace '${namespace}' (spec.server.tls.secretName)`
  if (secret === undefined) return { trouble: `${where} must exist; create it with tls.crt, tls.key and ca.crt` }
  const text = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString()
  for (const key of ['tls.crt', 'tls.key']) {
    if (text(key) === '') return { trouble: `${where} must have a key '${key}'` }
  }
  const leaf = readCertificate(text('tls.crt'))
  if (leaf === undefined) return { trouble: `${where} must have a PEM certificate as 'tls.crt'` }
  for (const host of services.map(service => `${service}.${namespace}.svc`)) {
    if (leaf.checkHost(host) === undefined) {
      return { trouble: `${where} must have a certificate for '${host}', got one for '${namesOf(leaf)}'` }
    }
  }
  const given = text('ca.crt')
  if (given === '') {
    if (leaf.checkIssued(leaf)) return { certificate: leaf.toString(), key: 'tls.crt' }
    return { trouble: `${where} must have a key 'ca.crt' with the certificate of who signed 'tls.crt'` }
  }
  // A file may hold more than it is named for, such as the key.
  const certificates = given.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (certificates.length === 0 || certificates.some(pem => readCertificate(pem) === undefined)) {
    return { trouble: `${where} must have a PEM certificate as 'ca.crt'` }
  }
  return { certificate: certificates.map(pem => `${pem}\n`).join(''), key: 'ca.crt' }
}

function readCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined // What is no certificate is said by the caller, who knows where it stands.
  }
}

const namesOf = ({ subjectAltName, subject }: X509Certificate) => (subjectAltName ?? subject).slice(0, 200)
