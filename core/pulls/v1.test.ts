import assert from 'node:assert/strict'
import type { AgentReportV1 } from '../contract/agent-report.ts'
import { pullBounds } from '../contract/words.ts'
import { at, context, layer } from './build.fake.ts'
import { layerCountOf } from './layers.ts'
import { merge } from './merge.ts'
import type { NodeState } from './node.ts'
import { unnamedImage } from './v1.ts'

type PullV1 = AgentReportV1['pulls'][number]

const pullV1 = (imageRef: string, downloaded: number, more: Partial<PullV1> = {}): PullV1 => ({
  imageRef,
  startedAt: at(0),
  totalKnown: true,
  layers: [layer(imageRef, downloaded)],
  ...more,
})

function run(...looks: readonly (readonly PullV1[])[]) {
  let state: NodeState | undefined
  const changes: string[] = []
  for (const [index, pulls] of looks.entries()) {
    const merged = merge(state, { nodeName: 'node-a', timestamp: at(index + 1), pulls: [...pulls] }, context())
    state = merged.state
    changes.push(...merged.changes.map(({ type, pull }) => `${type} ${pull.imageRef} ${pull.phase}`))
  }
  return { state: state!, changes }
}

describe('a v1 report', () => {
  for (const { name, looks, last } of [
    {
      name: 'ends a pull that is absent, completed when all its layers were there',
      looks: [[pullV1('a', 1000)], []],
      last: 'pull.completed a completed',
    },
    {
      name: 'ends a pull that is absent as unknown when a layer was not whole',
      looks: [[pullV1('a', 999)], []],
      last: 'pull.failed a unknown',
    },
    {
      name: 'ends a pull without layers as unknown: nothing is no evidence',
      looks: [[pullV1('a', 0, { layers: [] })], []],
      last: 'pull.failed a unknown',
    },
    {
      name: 'takes an error as a failure',
      looks: [[pullV1('a', 10)], [pullV1('a', 10, { error: 'pull failed' })]],
      last: 'pull.failed a failed',
    },
    {
      name: 'shows a start for a pull it sees first',
      looks: [[pullV1('a', 10)]],
      last: 'pull.started a downloading',
    },
  ]) {
    it(name, () => assert.equal(run(...looks).changes.at(-1), last))
  }

  it('groups raw ingest refs of a node under one name, and keeps the group while refs come and go', () => {
    const one = pullV1('layer-sha256:aa', 100)
    const two = pullV1('layer-sha256:bb', 200, { startedAt: at(1) })
    const { state, changes } = run([one], [one, two], [two])
    const pulls = [...state.pulls.values()]
    assert.deepEqual(
      pulls.map(pull => [pull.imageRef, layerCountOf(pull.layers), pull.downloadedBytes]),
      [[unnamedImage, 2, 300]],
    )
    assert.equal(changes.filter(change => change.startsWith('pull.started')).length, 1)
  })

  it('holds a bounded number of layers in that group, those of now before those that vanished', () => {
    const many = (from: number) =>
      pullV1('layer-sha256:aa', 0, {
        layers: Array.from({ length: 3000 }, (_, i) => layer(`l${from + i}`, i + 1, 9000)),
      })
    const { state } = run([many(0)], [many(3000)])
    const [group] = [...state.pulls.values()]
    assert.equal(layerCountOf(group!.layers), pullBounds.layers)
    assert.deepEqual(
      group!.layers.facts.digests.slice(-3000),
      many(3000).layers.map(({ digest }) => digest),
    )
  })

  it('takes a layer that is listed twice as one', () => {
    const { state } = run([pullV1('a', 10, { layers: [layer('x', 10), layer('x', 20)] })])
    assert.deepEqual(
      [...state.pulls.values()].map(pull => pull.downloadedBytes),
      [20],
    )
  })

  it('keeps two pulls of one image apart by their start', () => {
    assert.equal(run([pullV1('a', 1), pullV1('a', 1, { startedAt: at(5) })]).state.pulls.size, 2)
  })
})
