import assert from 'node:assert/strict'
import { newRulesKeys, rulesKeysIn } from './rules-secret.ts'

describe('newRulesKeys', () => {
  it('makes a secret and a key of it, as tk-sensor-api reads them', () => {
    const { hmacSecret, apiKey, adminPassword } = newRulesKeys()
    assert.ok(adminPassword.length >= 12, 'as tk-web-ui takes it')
    const [id, secret] = hmacSecret.split(':')
    assert.match(id!, /^[0-9a-f]{32}$/)
    assert.equal(Buffer.from(secret!, 'base64').length, 32)
    assert.match(apiKey, new RegExp(`^tk-v1-${id}-[0-9a-f]{64}$`))
  })

  it('makes others each time', () => assert.notDeepEqual(newRulesKeys(), newRulesKeys()))
})

describe('rulesKeysIn', () => {
  const data = { 'hmac-secret': 'aWQ6eA==', 'api-key': 'dGstdjE=', 'admin-password': 'cHc=' }

  it('reads the Secret', () =>
    assert.deepEqual(rulesKeysIn({ data }), { hmacSecret: 'id:x', apiKey: 'tk-v1', adminPassword: 'pw' }))

  it('takes half a Secret for none', () => {
    assert.equal(rulesKeysIn({ data: { 'api-key': data['api-key'] } }), undefined)
    assert.equal(rulesKeysIn(undefined), undefined)
  })
})
