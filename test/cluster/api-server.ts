import { writeFile } from 'node:fs/promises'
import https from 'node:https'
import path from 'node:path'
import { auditPolicy } from './audit.ts'
import type { Authority, KeyPair, SigningKey } from './certificates.ts'

export interface ApiServerParts {
  readonly dir: string
  readonly address: string
  readonly port: number
  readonly etcdUrl: string
  readonly authority: Authority
  readonly serving: KeyPair
  readonly signing: SigningKey
}

export const auditLogOf = (dir: string): string => path.join(dir, 'audit.log')
const tokensOf = (dir: string) => path.join(dir, 'tokens.csv')
const policyOf = (dir: string) => path.join(dir, 'audit-policy.json')

/** What its flags name, besides keys. The users with tokens are read once, when it starts. */
export async function writeApiServerFiles(
  dir: string,
  users: readonly { readonly name: string; readonly groups?: readonly string[]; readonly token: string }[],
): Promise<void> {
  const lines = users.map(({ name, groups = [], token }) => `${token},${name},${name},"${groups.join(',')}"\n`)
  await writeFile(tokensOf(dir), lines.join(''), { mode: 0o600 })
  await writeFile(policyOf(dir), auditPolicy)
}

/** As a distribution sets it up, but for the tokens: RBAC, NodeRestriction, no anonymous users, an audit log. */
export const apiServerArgs = ({ dir, address, port, etcdUrl, authority, serving, signing }: ApiServerParts) => [
  `--etcd-servers=${etcdUrl}`,
  `--bind-address=${address}`,
  `--advertise-address=${address}`,
  `--secure-port=${port}`,
  `--cert-dir=${path.join(dir, 'certs')}`,
  `--tls-cert-file=${serving.certificateFile}`,
  `--tls-private-key-file=${serving.keyFile}`,
  `--client-ca-file=${authority.certificateFile}`,
  `--token-auth-file=${tokensOf(dir)}`,
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-key-file=${signing.publicFile}`,
  `--service-account-signing-key-file=${signing.keyFile}`,
  '--service-cluster-ip-range=10.96.0.0/16',
  '--authorization-mode=Node,RBAC',
  '--enable-admission-plugins=NodeRestriction',
  '--anonymous-auth=false',
  '--allow-privileged=true',
  '--kubelet-preferred-address-types=InternalIP',
  `--audit-policy-file=${policyOf(dir)}`,
  `--audit-log-path=${auditLogOf(dir)}`,
]

/** True once every part of the API server says so. */
export const isReady = (url: string, ca: Buffer, token: string): Promise<true | undefined> =>
  new Promise(resolve => {
    const options = { ca, headers: { authorization: `Bearer ${token}` }, agent: false, timeout: 5_000 }
    const request = https.get(`${url}/readyz`, options, answer => {
      answer.resume()
      resolve(answer.statusCode === 200 ? true : undefined)
    })
    request.once('error', () => resolve(undefined))
    request.once('timeout', () => request.destroy())
  })
