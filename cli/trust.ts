import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { readText } from './config.ts'

/** From now on this process trusts the certificates of that file too. */
export async function trust(caFile: string | undefined): Promise<void> {
  if (caFile === undefined) return
  const pem = await readText('the certificates', caFile)
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new PulltraceError(Code.Invalid, `'${caFile}' holds no certificate in PEM form`)
  }
  setDefaultCACertificates([...getCACertificates('default'), pem])
}
