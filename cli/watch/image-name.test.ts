import assert from 'node:assert/strict'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { imageName } from './image-name.ts'

const digest = `sha256:0123456789abcdef${'0'.repeat(48)}`

describe('imageName', () => {
  for (const [ref, width, want] of [
    ['docker.io/library/nginx:1.27', 80, 'nginx:1.27'],
    ['docker.io/grafana/grafana:11', 80, 'grafana/grafana:11'],
    ['registry.example.com:5000/team/app:v1', 80, 'registry.example.com:5000/team/app:v1'],
    [`registry.example.com/team/app@${digest}`, 80, 'registry.example.com/team/app@0123456789ab'],
    [`registry.example.com/team/app:v1@${digest}`, 80, 'registry.example.com/team/app:v1@0123456789ab'],
    [`registry.example.com/team/app:v1@${digest}`, 35, 'registry.example.com/team/app:v1'],
    ['registry.example.com/a/b/team/app:v1', 16, '…/b/team/app:v1'],
    ['registry.example.com/team/app:v1', 12, 'app:v1'],
    ['registry.example.com/team/app:v1', 14, '…/team/app:v1'],
    [`registry.example.com/team/app@${digest}`, 14, 'app@0123456'],
    ['registry.example.com/a-long-application:v1.2', 14, 'a-long-a…:v1.2'],
    ['registry.example.com/app:2026-11-21-a-very-long-tag', 12, 'app:20…g-tag'],
    ['(unresolved)', 80, '(unresolved)'],
    ['app', 2, 'a…'],
    ['app', 0, ''],
  ] as const) {
    it(`writes ${ref} in ${width} columns as '${want}'`, () => assert.equal(imageName(ref, width), want))
  }

  it('is never wider than asked, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat({ max: 60 }), (ref, width) => {
        assert.ok(stringWidth(imageName(ref, width)) <= width)
      }),
    )
  })
})
