import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { trustOf } from './trust.ts'

describe('trustOf', () => {
  const host = 'pulltrace-server.pulltrace-system.svc'
  let folder: string
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  const make = (name: string, names: string, signer?: string) => {
    const file = (ending: string) => path.join(folder, `${name}.${ending}`)
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')]
    const about = ['-days', '1', '-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`, '-out', file('crt')]
    const by = signer ? ['-CA', path.join(folder, `${signer}.crt`), '-CAkey', path.join(folder, `${signer}.key`)] : []
    execFileSync('openssl', ['req', '-x509', ...key, ...about, ...by], { stdio: 'ignore' })
  }

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-trust-'))
    make('self', `DNS:${host}`)
    make('ca', 'DNS:ca')
    make('signed', `DNS:${host}`, 'ca')
    make('other', 'DNS:other.example.com')
  })
  after(() => rmSync(folder, { recursive: true }))

  const trust = (data: Record<string, string> | undefined, services = ['pulltrace-server']) => {
    const encoded = data && Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])
    return trustOf(encoded && { data: Object.fromEntries(encoded) }, 'tls', 'pulltrace-system', services)
  }

  it("takes 'ca.crt', as cert-manager writes it", () => {
    const data = { 'tls.crt': read('signed.crt'), 'tls.key': 'k', 'ca.crt': read('ca.crt') }
    assert.deepEqual(trust(data), { certificate: read('ca.crt'), key: 'ca.crt' })
  })

  it('takes a self-signed certificate itself', () =>
    assert.deepEqual(trust({ 'tls.crt': read('self.crt'), 'tls.key': 'k' }), {
      certificate: read('self.crt'),
      key: 'tls.crt',
    }))

  it('never gives the key away', () => {
    const given = trust({ 'tls.crt': `${read('self.crt')}${read('self.key')}`, 'tls.key': read('self.key') })
    assert.ok(!given.certificate?.includes('PRIVATE'))
    const ca = `${read('ca.key')}${read('ca.crt')}${read('self.crt')}`
    const signed = trust({ 'tls.crt': read('signed.crt'), 'tls.key': 'k', 'ca.crt': ca })
    assert.equal(signed.certificate, `${read('ca.crt')}${read('self.crt')}`)
  })

  it('wants a certificate for each Service that has it', () => {
    const { trouble } = trust({ 'tls.crt': read('self.crt'), 'tls.key': 'k' }, ['pulltrace-server', 'tk-sensor-api'])
    assert.match(
      trouble!,
      /a certificate for 'tk-sensor-api\.pulltrace-system\.svc', got one for 'DNS:pulltrace-server/,
    )
  })

  const where = "Secret 'tls' in namespace 'pulltrace-system' \\(spec.server.tls.secretName\\) must"
  for (const { name, data, says } of [
    { name: 'is missing', data: () => undefined, says: 'exist' },
    { name: 'has no key', data: () => ({ 'tls.crt': read('self.crt') }), says: "have a key 'tls.key'" },
    { name: 'has no certificate', data: () => ({ 'tls.crt': 'x', 'tls.key': 'k' }), says: 'have a PEM certificate' },
    {
      name: 'is for another name',
      data: () => ({ 'tls.crt': read('other.crt'), 'tls.key': 'k' }),
      says: `have a certificate for '${host}', got one for 'DNS:other.example.com'`,
    },
    {
      name: 'does not say who signed it',
      data: () => ({ 'tls.crt': read('signed.crt'), 'tls.key': 'k' }),
      says: "have a key 'ca.crt'",
    },
    {
      name: 'has an authority that is none',
      data: () => ({ 'tls.crt': read('signed.crt'), 'tls.key': 'k', 'ca.crt': 'x' }),
      says: "have a PEM certificate as 'ca.crt'",
    },
  ]) {
    it(`says what to do when the Secret ${name}`, () =>
      assert.match(trust(data()).trouble ?? '', new RegExp(`^${where} ${says}`)))
  }
})
