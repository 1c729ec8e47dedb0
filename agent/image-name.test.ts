import assert from 'node:assert/strict'
import { anImage, digestOf } from './build.fake.ts'
import { recordOf, repositoryOf, withoutPort } from './image-name.ts'

describe('recordOf', () => {
  const host = 'registry.example.com:5000'
  const tag = `${host}/team/app:v1`
  const other = `${host}/team/app:v2`
  const byDigest = `${host}/team/app@${digestOf('image')}`
  const config = digestOf('config')
  for (const { name, records, taken = [], found } of [
    { name: 'takes the tag that CRI writes among three', records: [config, byDigest, tag], found: tag },
    { name: 'takes the digest form when there is no tag', records: [config, byDigest], found: byDigest },
    { name: 'does not choose between two tags', records: [tag, other], found: undefined },
    { name: 'chooses the tag that no other pull took', records: [tag, other], taken: [tag], found: other },
    { name: 'prefers the repository that the labels name', records: [tag, 'mirror.example.com/x/app:v1'], found: tag },
    { name: 'takes a name of its own when no other is there', records: ['my-name:latest'], found: 'my-name:latest' },
    { name: 'finds nothing where only the config has a record', records: [config], found: undefined },
  ]) {
    it(name, () => {
      const seen = records.map(each => ({ name: each, updatedMs: 1 }))
      assert.equal(recordOf(anImage(), seen, record => taken.includes(record.name))?.name, found)
    })
  }
})

describe('repositoryOf', () => {
  for (const [name, repository] of [
    ['host:5000/team/app:v1', 'host:5000/team/app'],
    ['host:5000/team/app', 'host:5000/team/app'],
    [`host/app:v1@${digestOf('x')}`, 'host/app'],
  ] as const) {
    it(`of '${name}' is '${repository}'`, () => assert.equal(repositoryOf(name), repository))
  }

  it('loses its port as the labels do', () => assert.equal(withoutPort('host:5000/team/app'), 'host/team/app'))
})
