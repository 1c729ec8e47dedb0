import assert from 'node:assert/strict'
import { parseAgentReport, type ReportedPull } from '../core/contract/agent-report.ts'
import { digestOf } from './build.fake.ts'
import { buildReport } from './report.ts'
import { Terminals } from './terminals.ts'
import { withinBounds } from './within-bounds.ts'

const aLayer = (n = 0) => ({
  digest: digestOf(String(n)),
  mediaType: 'application/vnd.oci.image.layer.v1.tar',
  totalBytes: 1,
  downloadedBytes: 0,
  totalKnown: true,
})
const aPull = (pull: Partial<ReportedPull> = {}): ReportedPull => ({
  id: 'a'.repeat(26),
  imageRef: 'registry.example.com/team/app:v1',
  phase: 'failed',
  startedAt: '2026-11-21T10:00:00.000Z',
  completedAt: '2026-11-21T10:00:01.000Z',
  totalKnown: true,
  error: null,
  layers: [aLayer()],
  ...pull,
})
const head = {
  nodeName: 'node-a',
  timestamp: '2026-11-21T10:00:02Z',
  agent: { version: '0.1.0', epoch: 'epoch-12345', seq: 1 },
  runtime: undefined,
}

const hostile: { name: string; pull: Partial<ReportedPull>; layers: number }[] = [
  {
    name: 'a media type of a thousand characters',
    pull: { layers: [{ ...aLayer(), mediaType: 'x'.repeat(1000) }] },
    layers: 1,
  },
  { name: 'an image record with a name of two thousand', pull: { imageRef: 'x'.repeat(2000) }, layers: 1 },
  { name: 'a repository of a thousand', pull: { repository: 'x'.repeat(1000) }, layers: 1 },
  { name: 'a digest of a thousand', pull: { digest: 'x'.repeat(1000) }, layers: 1 },
  { name: 'a platform of a thousand', pull: { platform: `linux/${'x'.repeat(1000)}` }, layers: 1 },
  { name: 'a layer whose digest is empty', pull: { layers: [{ ...aLayer(), digest: '' }] }, layers: 0 },
  {
    name: 'a layer whose digest has a thousand',
    pull: { layers: [{ ...aLayer(), digest: 'x'.repeat(1000) }] },
    layers: 0,
  },
  { name: 'ten thousand layers', pull: { layers: Array.from({ length: 10_000 }, (_, n) => aLayer(n)) }, layers: 0 },
]

describe('withinBounds', () => {
  it('makes a report that the server takes of a runtime whose version has a hundred characters', () => {
    const runtime = { name: 'containerd', version: '2.4.2-'.padEnd(100, 'x') }
    const { report } = buildReport({ ...head, runtime }, [], new Terminals())
    parseAgentReport(JSON.parse(JSON.stringify(report)))
    assert.equal(report.runtime?.version.length, 64)
  })

  for (const { name, pull, layers } of hostile) {
    it(`makes a report that the server takes of ${name}, under way and ended`, () => {
      const active = { ...aPull(pull), id: 'b'.repeat(26), phase: 'downloading' as const, completedAt: null }
      const held = new Terminals()
      held.add(aPull(pull))
      const { report } = buildReport(head, [active], held)
      const told = parseAgentReport(JSON.parse(JSON.stringify(report)))
      assert.deepEqual(
        told.pulls.map(one => [one.layers.length, one.totalKnown]),
        [layers, layers].map(count => [count, count > 0]),
      )
    })
  }

  it('hands back the very pull that keeps to the bounds', () => {
    const pull = aPull({ repository: 'registry.example.com/team/app', platform: 'linux/amd64' })
    assert.equal(withinBounds(pull), pull)
  })
})
