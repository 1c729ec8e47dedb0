import assert from 'node:assert/strict'
import { registryOf } from './registry.ts'

describe('registryOf', () => {
  for (const { name, registry } of [
    { name: 'registry.example.com/team/app:v1', registry: 'registry.example.com' },
    { name: 'registry.example.com:5000/app@sha256:aa', registry: 'registry.example.com:5000' },
    { name: 'localhost/app', registry: 'localhost' },
    { name: '[::1]:5000/app', registry: '[::1]:5000' },
    { name: 'nginx', registry: 'docker.io' },
    { name: 'nginx:1.27', registry: 'docker.io' },
    { name: 'library/nginx', registry: 'docker.io' },
    { name: '(unresolved)', registry: '(unknown)' },
    { name: '', registry: '(unknown)' },
  ]) {
    it(`reads '${name}' as ${registry}`, () => assert.equal(registryOf(name), registry))
  }
})
