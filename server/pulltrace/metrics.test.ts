import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { version } from '../../core/lib/version.ts'
import { goodLayer, goodPull, goodReport, post, startServer } from './start-server.fake.ts'

describe('GET /metrics', () => {
  it('counts on from what was read before, whoever reads', async () => {
    await using server = await startServer()
    const counts = async () => {
      const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()
      return ['accepted', 'stale'].map(result => text.match(`agent_reports_total{result="${result}"} (\\d+)`)?.[1])
    }
    for (const seq of [1, 2, 2]) await post(`${server.url}/api/v1/report`, goodReport(seq))
    assert.deepEqual(await Promise.all([counts(), counts()]), Array(2).fill(['2', '1']))
    await post(`${server.url}/api/v1/report`, goodReport(3))
    assert.deepEqual(await counts(), ['3', '1'])
  })

  it('counts what happened, and shows what docs/metrics.md lists', async () => {
    await using server = await startServer()
    const report = (body: unknown) => post(`${server.url}/api/v1/report`, body)
    const end = (id: string, phase: string, more: Record<string, unknown> = {}) =>
      goodPull({
        id: id.repeat(26),
        startedAt: '2026-11-21T10:00:00Z',
        phase,
        completedAt: '2026-11-21T10:00:03Z',
        ...more,
      })
    const error = { code: 'DnsError', message: 'no such host' }
    await report(goodReport(1, { pulls: [goodPull()] }))
    const layers = [goodLayer('1', { downloadedBytes: 900 }), goodLayer('2')]
    await report(goodReport(2, { pulls: [goodPull({ layers }), end('b', 'completed'), end('c', 'failed', { error })] }))
    await report(goodReport(2))
    await report({})
    await report(goodReport(1, { nodeName: 'node-b', pulls: [] }))
    await (await fetch(`${server.url}/api/v1/history`)).text()
    const stop = new AbortController()
    const stream = await fetch(`${server.url}/api/v1/events`, { signal: stop.signal })

    const response = await fetch(`${server.metricsUrl}/metrics`)
    assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    stop.abort()
    await assert.rejects(stream.text())
    for (const line of [
      'pulltrace_pulls_active 1',
      'pulltrace_pulls_total{result="completed"} 1',
      'pulltrace_pulls_total{result="failed"} 1',
      'pulltrace_pull_duration_seconds_sum{result="completed"} 3',
      'pulltrace_pull_errors_total{code="DnsError"} 1',
      'pulltrace_pull_bytes_total 500',
      'pulltrace_agent_reports_total{result="accepted"} 3',
      'pulltrace_agent_reports_total{result="stale"} 1',
      'pulltrace_agent_reports_total{result="invalid"} 1',
      'pulltrace_agent_report_bytes_count 5',
      'pulltrace_nodes_known 2',
      'pulltrace_nodes_stale 0',
      'pulltrace_sse_clients_active 1',
      'pulltrace_history_healthy 1',
      'pulltrace_history_pulls 2',
      'pulltrace_http_body_bytes 0',
      'pulltrace_http_request_duration_seconds_count{route="/api/v1/report",method="POST",status="400"} 1',
      `pulltrace_build_info{version="${version}",node_version="${process.versions.node}"} 1`,
    ]) {
      assert.ok(
        text.split('\n').includes(line),
        `${line}\n${text
          .split('\n')
          .filter(row => row.startsWith(line.split(/[ {]/)[0]!))
          .join('\n')}`,
      )
    }

    const shown = [...text.matchAll(/^# TYPE (pulltrace_\S+)/gm)].map(match => match[1])
    const listed = readFileSync('docs/metrics.md', 'utf8').split('## pulltrace-agent')[0]!
    assert.deepEqual(shown.sort(), [...listed.matchAll(/^\| `(pulltrace_\w+)`/gm)].map(match => match[1]).sort())
    assert.match(text, /^process_resident_memory_bytes \d+/m)
  })

  it('counts no byte twice when a pull that had ended unknown goes on', async () => {
    await using server = await startServer()
    const look = (seq: number, pulls: unknown[]) => post(`${server.url}/api/v1/report`, goodReport(seq, { pulls }))
    const layers = [goodLayer('1', { downloadedBytes: 900 }), goodLayer('2')]
    await look(1, [goodPull()])
    await look(2, [goodPull({ layers })])
    for (const seq of [3, 4, 5, 6]) await look(seq, [])
    await look(7, [goodPull({ layers })])
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.match(text, /^pulltrace_pulls_total\{result="unknown"\} 1$/m)
    assert.match(text, /^pulltrace_pulls_active 1$/m)
    assert.match(text, /^pulltrace_pull_bytes_total 500$/m)
  })
})
