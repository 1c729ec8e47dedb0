import { writeFile } from 'node:fs/promises'
import { base64Of, type KeyPair } from './certificates.ts'

export interface KubeconfigParts {
  readonly url: string
  readonly authorityFile: string
  readonly user: { readonly token: string } | KeyPair
}

/** Everything it needs stands in the file itself, so that it can be copied. Readable by this user only. */
export async function writeKubeconfig(file: string, { url, authorityFile, user }: KubeconfigParts): Promise<void> {
  const credentials =
    'token' in user
      ? { token: user.token }
      : {
          'client-certificate-data': await base64Of(user.certificateFile),
          'client-key-data': await base64Of(user.keyFile),
        }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': await base64Of(authorityFile) } }],
    users: [{ name: 'test', user: credentials }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
    'current-context': 'test',
  }
  await writeFile(file, JSON.stringify(config, undefined, 2), { mode: 0o600 })
}
