import assert from 'node:assert/strict'
import { buildPull } from '../watch/event-server.fake.ts'
import { canonicalImage, matchingPull, pullsAhead } from './matching-pull.ts'

const pods = (container = 'app', certain = true) => [{ namespace: 'shop', podName: 'web', container, certain }]
const waiting = { namespace: 'shop', pod: 'web', container: 'app', image: 'nginx', node: 'node-a' }

describe('matchingPull', () => {
  for (const { name, pulls, id, certain } of [
    {
      name: 'one that names the container, whatever its image is called',
      pulls: [buildPull({ id: 'other', pods: pods('proxy') }), buildPull({ id: 'own', pods: pods() })],
      id: 'own',
      certain: true,
    },
    {
      name: 'one that may be it, and says so',
      pulls: [buildPull({ id: 'maybe', pods: pods('app', false) })],
      id: 'maybe',
      certain: false,
    },
    {
      name: 'the one under way over one that ended',
      pulls: [
        buildPull({ id: 'ended', phase: 'failed', pods: pods(), startedAt: '2026-11-21T10:00:09Z' }),
        buildPull({ id: 'runs', pods: pods() }),
      ],
      id: 'runs',
      certain: true,
    },
    {
      name: 'the newer of two',
      pulls: [
        buildPull({ id: 'old', phase: 'failed', pods: pods() }),
        buildPull({ id: 'new', phase: 'failed', pods: pods(), startedAt: '2026-11-21T10:00:09Z' }),
      ],
      id: 'new',
      certain: true,
    },
    {
      name: 'the same image where nobody names pods',
      pulls: [buildPull({ id: 'same', imageRef: 'docker.io/library/nginx:latest' })],
      id: 'same',
      certain: false,
    },
  ]) {
    it(`takes ${name}`, () => {
      const match = matchingPull(pulls, waiting)
      assert.equal(match?.pull.id, id)
      assert.equal(match?.certain, certain)
    })
  }

  it('takes none from another node, and none of another image', () => {
    const elsewhere = buildPull({ nodeName: 'node-b', imageRef: 'docker.io/library/nginx:latest', pods: pods() })
    assert.equal(matchingPull([elsewhere, buildPull({ imageRef: 'docker.io/library/nginx:2' })], waiting), undefined)
  })
})

describe('pullsAhead', () => {
  it('has none before a pull that has begun', () => {
    assert.deepEqual(pullsAhead([buildPull({ id: 'other' })], buildPull({ id: 'own' })), [])
  })
})

describe('canonicalImage', () => {
  for (const [image, canonical] of [
    ['nginx', 'docker.io/library/nginx:latest'],
    ['team/app:v1', 'docker.io/team/app:v1'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    [`r.io/a:v1@sha256:${'a'.repeat(64)}`, `r.io/a@sha256:${'a'.repeat(64)}`],
    ['A:B:C', 'A:B:C'],
  ] as const) {
    it(`of ${image} is ${canonical}`, () => assert.equal(canonicalImage(image), canonical))
  }
})
