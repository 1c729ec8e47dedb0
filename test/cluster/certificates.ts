import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { findProgram } from '../rig/programs.ts'

const run = promisify(execFile)

export interface KeyPair {
  readonly keyFile: string
  readonly certificateFile: string
}

/** An authority of one control plane. All keys are P-256: made in a millisecond, where RSA needs hundreds. */
export interface Authority {
  /** PEM. */
  readonly certificateFile: string
  /** A server's certificate, for names and IP addresses. */
  serve(
    name: string,
    at: { readonly names: readonly string[]; readonly addresses: readonly string[] },
  ): Promise<KeyPair>
  /** A client's: Kubernetes takes CN for the user and each O for a group. */
  user(file: string, user: string, groups: readonly string[]): Promise<KeyPair>
}

export async function createAuthority(dir: string): Promise<Authority> {
  const openssl = await findProgram('openssl')
  const authority: KeyPair = { keyFile: path.join(dir, 'ca.key'), certificateFile: path.join(dir, 'ca.crt') }
  const call = (args: readonly string[]) => run(openssl, [...args])
  const newKey = (keyFile: string) => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    keyFile,
  ]
  const subject = ['-subj', '/CN=pulltrace-test-ca', '-days', '2']
  await call(['req', '-x509', ...newKey(authority.keyFile), '-out', authority.certificateFile, ...subject])

  const issue = async (file: string, name: string, extensions: string): Promise<KeyPair> => {
    const [keyFile, certificateFile, request, settings] = ['key', 'crt', 'csr', 'ext'].map(end =>
      path.join(dir, `${file}.${end}`),
    ) as [string, string, string, string]
    await writeFile(settings, extensions)
    await call(['req', '-new', ...newKey(keyFile), '-out', request, '-subj', name])
    const signed = ['-CA', authority.certificateFile, '-CAkey', authority.keyFile, '-CAcreateserial', '-days', '2']
    await call(['x509', '-req', '-in', request, '-out', certificateFile, '-extfile', settings, ...signed])
    return { keyFile, certificateFile }
  }
  return {
    certificateFile: authority.certificateFile,
    serve(file, { names, addresses }) {
      const alternatives = [...names.map(name => `DNS:${name}`), ...addresses.map(address => `IP:${address}`)]
      return issue(file, `/CN=${file}`, `extendedKeyUsage=serverAuth\nsubjectAltName=${alternatives.join(',')}\n`)
    },
    user(file, user, groups) {
      const name = [...groups.map(group => `/O=${escaped(group)}`), `/CN=${escaped(user)}`].join('')
      return issue(file, name, 'extendedKeyUsage=clientAuth\n')
    },
  }
}

const escaped = (text: string) => text.replaceAll(/[\\/+]/g, '\\$&')

/** Private and public half of the key that signs ServiceAccounts' tokens. */
export interface SigningKey {
  readonly keyFile: string
  readonly publicFile: string
}

export async function createSigningKey(
  dir: string,
): Promise<{ readonly keyFile: string; readonly publicFile: string }> {
  const openssl = await findProgram('openssl')
  const [keyFile, publicFile] = [path.join(dir, 'accounts.key'), path.join(dir, 'accounts.pub')]
  await run(openssl, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile])
  await run(openssl, ['ec', '-in', keyFile, '-pubout', '-out', publicFile])
  return { keyFile, publicFile }
}

export const base64Of = async (file: string): Promise<string> => (await readFile(file)).toString('base64')
