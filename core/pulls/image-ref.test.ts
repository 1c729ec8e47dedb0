import assert from 'node:assert/strict'
import { parseImageRef } from './image-ref.ts'

const digest = `sha256:${'a'.repeat(64)}`

describe('parseImageRef', () => {
  for (const { text, name, repository } of [
    { text: 'nginx', name: 'docker.io/library/nginx:latest', repository: 'docker.io/library/nginx' },
    { text: 'team/app:v1', name: 'docker.io/team/app:v1', repository: 'docker.io/team/app' },
    { text: 'index.docker.io/nginx:1', name: 'docker.io/library/nginx:1', repository: 'docker.io/library/nginx' },
    { text: 'localhost/app', name: 'localhost/app:latest', repository: 'localhost/app' },
    {
      text: 'registry.example.com:5000/a/b:v1',
      name: 'registry.example.com:5000/a/b:v1',
      repository: 'registry.example.com/a/b',
    },
    { text: `r.example.com/a@${digest}`, name: `r.example.com/a@${digest}`, repository: 'r.example.com/a' },
    { text: `r.example.com/a:v1@${digest}`, name: `r.example.com/a@${digest}`, repository: 'r.example.com/a' },
  ]) {
    it(`completes '${text}' as the runtime does`, () => {
      const ref = parseImageRef(text)
      assert.deepEqual([ref?.name, ref?.repository], [name, repository])
    })
  }

  for (const text of [
    '',
    ':v1',
    'team/Case',
    'a/b:',
    'a b',
    'app@sha256:zz',
    'a@b@c',
    `x${'y'.repeat(1024)}`,
    'r.example.com/',
  ]) {
    it(`takes '${text.slice(0, 20)}' for no reference`, () => assert.equal(parseImageRef(text), undefined))
  }
})
