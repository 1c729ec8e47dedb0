import assert from 'node:assert/strict'
import type { Pull } from '../../core/contract/pull.ts'
import { buildEvent } from './event-server.fake.ts'
import { PlainLines, progressEveryMs } from './plain.ts'

describe('PlainLines', () => {
  const at = '2026-11-21T10:00:05Z'
  const tell = (lines: PlainLines, pull: Partial<Pull>, nowMs = 0) => lines.lineOf(buildEvent({}, pull), nowMs)

  it('writes one line for each phase and the last with what it took', () => {
    const lines = new PlainLines()
    const phases = [
      tell(lines, { phase: 'resolving' }),
      tell(lines, { phase: 'resolving' }),
      tell(lines, { phase: 'downloading' }),
      tell(lines, { phase: 'unpacking', unpackedBytes: 25 * 1024 * 1024 }),
      tell(lines, { phase: 'completed', completedAt: '2026-11-21T10:00:08Z' }),
    ]
    assert.deepEqual(phases, [
      `${at} node-a registry.example.com/team/app:v1 resolving`,
      undefined,
      `${at} node-a registry.example.com/team/app:v1 downloading 62% 62.0/100 MiB 12.5 MiB/s ETA 3s`,
      `${at} node-a registry.example.com/team/app:v1 unpacking 25.0/100 MiB`,
      `${at} node-a registry.example.com/team/app:v1 done: 100 MiB in 8.0s, 12.5 MiB/s`,
    ])
  })

  it('says at once which rules a pull breaks, and again with each change of phase', () => {
    const lines = new PlainLines()
    const violations = [{ ruleId: 'r1', name: 'Registry is \u001b[31mnot allowed', action: 'fail' }]
    tell(lines, { phase: 'resolving' })
    const [found, ended] = [
      tell(lines, { phase: 'resolving', violations }),
      tell(lines, { phase: 'completed', completedAt: '2026-11-21T10:00:08Z', violations }),
    ]
    assert.match(found!, / resolving \(breaks 'Registry is .*not allowed'\)$/)
    assert.ok(!found!.includes('\u001b'))
    assert.match(ended!, / done: .* \(breaks 'Registry is /)
  })

  it('writes progress of each pull at most every five seconds', () => {
    const lines = new PlainLines()
    const times = [0, 1, progressEveryMs - 1, progressEveryMs, progressEveryMs + 1]
    const written = times.map(nowMs => tell(lines, {}, nowMs) !== undefined)
    assert.deepEqual(written, [true, false, false, true, false])
    assert.ok(tell(lines, { id: 'another' }, 1))
  })

  it('says at once that bytes stopped and that they flow again', () => {
    const lines = new PlainLines()
    tell(lines, {})
    assert.match(tell(lines, { stalledSince: at }, 1)!, /62% 62.0\/100 MiB \(stalled since 2026-11-21T10:00:05Z\)$/)
    assert.match(tell(lines, {}, 2)!, /ETA 3s$/)
    assert.match(tell(lines, { stale: true }, 3)!, /\(the node is silent\)$/)
  })

  it('marks demo data', () => {
    assert.match(tell(new PlainLines(), { nodeName: 'demo-data-laptop' })!, / demo-data-laptop \[DEMO DATA\] /)
  })

  it('keeps an error on its line', () => {
    const line = tell(new PlainLines(), { phase: 'failed', error: 'a\nb\u001B[2J' })!
    assert.ok(line.endsWith('failed: a b�[2J'), line)
  })

  it('is silent about a pull that left the filter', () => {
    assert.equal(new PlainLines().lineOf(buildEvent({ left: true }), 0), undefined)
  })
})
