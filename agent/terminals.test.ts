import assert from 'node:assert/strict'
import { parseAgentReport, type ReportedPull } from '../core/contract/agent-report.ts'
import { agentReportBytes } from '../core/contract/words.ts'
import { digestOf } from './build.fake.ts'
import { buildReport } from './report.ts'
import { jsonBytesOf, maxHeld, maxWithLayers, Terminals } from './terminals.ts'

const idOf = (n: number) =>
  n
    .toString(16)
    .replace(/[0-9]/g, digit => 'ghijklmnop'[Number(digit)]!)
    .padStart(26, 'z')

const aPull = (n: number, pull: Partial<ReportedPull> = {}): ReportedPull => ({
  id: idOf(n),
  imageRef: 'registry.example.com/team/app:v1',
  phase: 'completed',
  startedAt: '2026-11-21T10:00:00.000Z',
  completedAt: '2026-11-21T10:00:01.000Z',
  totalKnown: true,
  error: null,
  layers: [layer(0)],
  ...pull,
})

const layer = (n: number) => ({
  digest: digestOf(String(n)),
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  totalBytes: 1,
  downloadedBytes: 1,
  totalKnown: true,
  restarts: 0,
  state: 'done' as const,
})
const many = { layers: Array.from({ length: 200 }, (_, n) => layer(n)) }
const idsOf = (pulls: readonly ReportedPull[]) => pulls.map(({ id }) => id)
const everything = Number.MAX_SAFE_INTEGER

function holding(...pulls: ReportedPull[]): Terminals {
  const held = new Terminals()
  for (const pull of pulls) held.add(pull)
  return held
}

describe('Terminals', () => {
  it('gives each report all it holds, until they are acknowledged', () => {
    const held = holding(aPull(1), aPull(2))
    const first = held.batch(everything, 100)
    assert.deepEqual(idsOf(held.batch(everything, 100)), idsOf(first))
    held.acknowledge(first)
    assert.deepEqual(held.batch(everything, 100), [])
  })

  it('keeps an end that changed after it was sent', () => {
    const held = holding(aPull(1, { phase: 'unknown' }))
    const sent = held.batch(everything, 100)
    held.add(aPull(1))
    held.acknowledge(sent)
    assert.deepEqual(
      held.batch(everything, 100).map(({ phase }) => phase),
      ['completed'],
    )
  })

  it('gives everyone a turn, oldest first, when not all fit', () => {
    const held = holding(aPull(1), aPull(2), aPull(3))
    const two = 2 * jsonBytesOf(aPull(1))
    assert.deepEqual(
      [1, 2, 3].map(() => idsOf(held.batch(two, 100))),
      [[idOf(1), idOf(2)], [idOf(3)], [idOf(1), idOf(2)]],
    )
  })

  it('lets one that is larger than all the room go without its layers, and not hold up those behind it', () => {
    const held = holding(aPull(1, many), aPull(2))
    const room = 2 * jsonBytesOf(aPull(1))
    const batch = held.batch(room, 100)
    assert.deepEqual(
      batch.map(({ id, layers, totalKnown }) => [id, layers.length, totalKnown]),
      [
        [idOf(1), 0, false],
        [idOf(2), 1, true],
      ],
    )
    held.acknowledge(batch)
    assert.equal(held.size, 0)
  })

  it('drops the layers of the oldest, then the oldest, and counts what is lost', () => {
    const held = new Terminals()
    for (let n = 0; n < maxHeld + 2; n++) held.add(aPull(n))
    const all = held.batch(everything, everything)
    assert.equal(held.size, maxHeld)
    assert.equal(held.dropped, 2)
    assert.equal(all[0]?.id, idOf(2))
    assert.equal(all.filter(({ layers }) => layers.length > 0).length, maxWithLayers)
    assert.equal(all.at(-1)?.layers.length, 1)
  }).timeout(20_000)
})

describe('buildReport', () => {
  const head = {
    nodeName: 'node-a',
    timestamp: '2026-11-21T10:00:00Z',
    agent: { version: '1', epoch: 'epoch-123', seq: 1 },
    runtime: undefined,
  }

  it('puts active pulls first and stays under its size', () => {
    const held = holding(...Array.from({ length: 200 }, (_, n) => aPull(n, many)))
    const active = [aPull(999, { phase: 'downloading', completedAt: null })]
    const seen = new Set<string>()
    for (let turn = 0; turn < 5; turn++) {
      const { report, terminals } = buildReport(head, active, held)
      const json = JSON.stringify(report)
      assert.ok(Buffer.byteLength(json) <= agentReportBytes)
      parseAgentReport(JSON.parse(json))
      assert.equal(report.pulls[0]?.id, idOf(999))
      for (const { id } of terminals) seen.add(id)
    }
    assert.equal(seen.size, 200, 'every end had its turn')
  })

  it('tells of a pull once: one that goes on after all has not ended', () => {
    const held = holding(aPull(1, { phase: 'unknown' }), aPull(2))
    const { report } = buildReport(head, [aPull(1, { phase: 'downloading', completedAt: null })], held)
    parseAgentReport(JSON.parse(JSON.stringify(report)))
    assert.deepEqual(
      report.pulls.map(({ id, phase }) => [id, phase]),
      [
        [idOf(1), 'downloading'],
        [idOf(2), 'completed'],
      ],
    )
    assert.equal(held.size, 1)
  })

  it('never leaves an active pull out, but may leave out layers', () => {
    const active = Array.from({ length: 300 }, (_, n) => aPull(n, { ...many, phase: 'downloading', completedAt: null }))
    const { report } = buildReport(head, active, new Terminals())
    assert.ok(Buffer.byteLength(JSON.stringify(report)) <= agentReportBytes)
    assert.deepEqual(idsOf(report.pulls), idsOf(active))
    assert.ok(report.pulls.some(({ layers }) => layers.length === 200))
  })
})
