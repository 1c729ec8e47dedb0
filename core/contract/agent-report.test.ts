import assert from 'node:assert/strict'
import { Code, PulltraceError } from '../lib/errors.ts'
import { at, digestOf, layer, pullId, report, reported } from '../pulls/build.fake.ts'
import { parseAgentReport } from './agent-report.ts'

/** A good report as JSON, with the value at one path replaced. */
function reportWith(path?: string, value?: unknown): unknown {
  const body = JSON.parse(JSON.stringify(report(1, [reported('web'), reported('api')])))
  if (path === undefined) return body
  const steps = path.split(/[.[\]]+/).filter(step => step !== '')
  const last = steps.pop()!
  const holder = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, body)
  holder[last] = value
  return body
}

const v1 = { nodeName: 'node-a', timestamp: at(0), pulls: [] }
const twiceLayer = digestOf('web-1')

describe('parseAgentReport', () => {
  it('takes a good report as it is', () => {
    const body = reportWith()
    assert.equal(parseAgentReport(body), body)
  })

  it('takes a v1 report: one without `agent`', () => {
    const pull = { imageRef: 'a', layers: [layer('x', 1)], startedAt: at(0), totalKnown: false, error: 'boom' }
    assert.ok(parseAgentReport({ ...v1, pulls: [pull] }))
  })

  it('lets unknown fields pass, so that a newer agent can talk to an older server', () => {
    assert.ok(parseAgentReport(reportWith('pulls[0].flavour', 'new')))
  })

  for (const { name, path, to, bound, seen, faultAt = path } of [
    { name: 'an epoch that is too short', path: 'agent.epoch', to: 'x', bound: /at least 8/, seen: '"x"' },
    { name: 'a negative seq', path: 'agent.seq', to: -1, bound: /greater than or equal to 0/, seen: '-1' },
    { name: 'a fraction of a byte', path: 'pulls[1].layers[0].totalBytes', to: 1.5, bound: /an integer/, seen: '1.5' },
    {
      name: 'bytes beyond what a number can count',
      path: 'pulls[0].layers[1].downloadedBytes',
      to: 2 ** 53,
      bound: /less than or equal to 9007199254740991/,
      seen: '9007199254740992',
    },
    { name: 'a day that is none', path: 'timestamp', to: '2026-02-30T00:00:00Z', bound: /RFC 3339/, seen: /02-30/ },
    {
      name: 'a leap second, which Date cannot hold',
      path: 'timestamp',
      to: '2016-12-31T23:59:60Z',
      bound: /RFC 3339/,
      seen: /:60Z/,
    },
    {
      name: 'a time that is in no year of four digits once it is UTC',
      path: 'pulls[0].startedAt',
      to: '9999-12-31T23:59:59-23:59',
      bound: /RFC 3339/,
      seen: /9999-12-31/,
    },
    {
      name: 'a phase of nobody',
      path: 'pulls[0].phase',
      to: 'done',
      bound: /'resolving', 'downloading'/,
      seen: '"done"',
    },
    {
      name: 'a phase that only the server gives',
      path: 'pulls[0].phase',
      to: 'queued',
      bound: /one of/,
      seen: '"queued"',
    },
    { name: 'an id of another form', path: 'pulls[0].id', to: 'web', bound: /\[a-z2-7\]\{26\}/, seen: '"web"' },
    { name: 'the same id twice', path: 'pulls[1].id', to: pullId('web'), bound: /unique in the report/, seen: /"web/ },
    {
      name: 'the same layer twice',
      path: 'pulls[0].layers[1].digest',
      to: twiceLayer,
      bound: /unique in the pull/,
      seen: /sha256/,
    },
    {
      name: 'more bytes than there are',
      path: 'pulls[0].layers[0].downloadedBytes',
      to: 1001,
      bound: /totalBytes \(1000\)/,
      seen: '1001',
    },
    {
      name: 'an end without a time',
      path: 'pulls[0].phase',
      to: 'failed',
      bound: /present/,
      seen: 'nothing',
      faultAt: 'pulls[0].completedAt',
    },
    {
      name: 'a node name that is a path',
      path: 'nodeName',
      to: '../etc',
      bound: /text that matches/,
      seen: '"../etc"',
    },
    {
      name: 'a node name with a terminal escape',
      path: 'nodeName',
      to: 'a\u001b[2J',
      bound: /text that matches/,
      seen: '"a\\u001b[2J"',
    },
    { name: 'pulls that are no list', path: 'pulls', to: {}, bound: /array/, seen: 'an object' },
  ]) {
    it(`refuses ${name}, and says where and why`, () => assertRefused(reportWith(path, to), faultAt, bound, seen))
  }

  for (const { name, body, path, bound, seen } of [
    { name: 'a number', body: 7, path: '', bound: /object/, seen: '7' },
    { name: 'null', body: null, path: '', bound: /object/, seen: 'null' },
    { name: 'an empty object', body: {}, path: 'nodeName', bound: /present/, seen: 'nothing' },
  ]) {
    it(`refuses ${name}`, () => assertRefused(body, path, bound, seen))
  }

  it('does not echo a megabyte back', () => {
    const body = reportWith('pulls[0].imageRef', 'x'.repeat(1_000_000))
    assert.throws(
      () => parseAgentReport(body),
      (error: Error) => error.message.length < 400,
    )
  })
})

function assertRefused(body: unknown, path: string, bound: RegExp, seen: string | RegExp): void {
  assert.throws(
    () => parseAgentReport(body),
    (error: unknown) => {
      assert.ok(error instanceof PulltraceError)
      assert.equal(error.code, Code.Invalid)
      assert.equal(error.details.path, path)
      assert.match(error.details.bound!, bound)
      if (typeof seen === 'string') assert.equal(error.details.seen, seen)
      else assert.match(error.details.seen!, seen)
      assert.ok(error.message.includes(error.details.bound!))
      return true
    },
  )
}
