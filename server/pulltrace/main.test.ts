import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Pull } from '../../core/contract/pull.ts'
import { freePorts } from '../../test/rig/ports.ts'
import { goodPull, goodReport, post, startServer } from './start-server.fake.ts'

describe('pulltrace-server', () => {
  it('answers probes, and says how its history is', async () => {
    await using server = await startServer()
    assert.deepEqual(await (await fetch(`${server.metricsUrl}/healthz`)).json(), { status: 'ok' })
    await (await fetch(`${server.url}/api/v1/history`)).text()
    assert.deepEqual(await (await fetch(`${server.metricsUrl}/readyz`)).json(), {
      status: 'ok',
      history: { healthy: true },
    })
    assert.equal((await fetch(`${server.metricsUrl}/nope`)).status, 404)
    assert.equal((await post(`${server.metricsUrl}/healthz`, {})).status, 405)
  })

  it('stays ready without a history, and keeps ended pulls with their agents', async () => {
    await using server = await startServer({ PULLTRACE_DATA_DIR: '/dev/null/data' })
    const ended = goodPull({ phase: 'completed', completedAt: '2026-11-21T10:01:00Z' })
    const answer = await (await post(`${server.url}/api/v1/report`, goodReport(1, { pulls: [ended] }))).json()
    assert.equal((answer as { acknowledged: boolean }).acknowledged, false)
    const ready = await fetch(`${server.metricsUrl}/readyz`)
    assert.equal(ready.status, 200)
    const { status, history } = (await ready.json()) as {
      status: string
      history: { healthy: boolean; reason: string }
    }
    assert.deepEqual([status, history.healthy], ['degraded', false])
    assert.match(history.reason, /\/dev\/null\/data/)
    assert.equal((await fetch(`${server.url}/api/v1/pulls`)).status, 200)
    const refused = await fetch(`${server.url}/api/v1/history`)
    assert.equal(refused.status, 503)
    assert.match(refused.headers.get('retry-after')!, /^\d+$/)
  })

  it('is not ready until it knows the intervals, and serves with its own when the API server stays away', async function () {
    this.timeout(30_000)
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-away-'))
    try {
      const kubeconfig = path.join(folder, 'kubeconfig')
      const [metrics, closed] = await freePorts(2)
      writeFileSync(kubeconfig, kubeconfigFor(`https://127.0.0.1:${closed}`))
      const starting = startServer({
        PULLTRACE_METRICS_ADDR: `127.0.0.1:${metrics}`,
        PULLTRACE_KUBECONFIG: kubeconfig,
        PULLTRACE_SETTINGS_CONFIGMAP: 'pulltrace-system/pulltrace-settings',
        PULLTRACE_REPORT_INTERVAL: '3s',
      })
      const readyz = () => fetch(`http://127.0.0.1:${metrics}/readyz`).catch(() => undefined)
      let first = await readyz()
      while (first === undefined) first = await readyz()
      assert.equal(first.status, 503)
      assert.equal(((await first.json()) as { status: string }).status, 'starting')
      await using server = await starting
      assert.equal((await readyz())!.status, 200)
      const answer = await (await post(`${server.url}/api/v1/report`, goodReport(1))).json()
      assert.equal((answer as { reportIntervalMs: number }).reportIntervalMs, 3000)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('ends streams when it stops, so that clients come back by their id', async () => {
    const server = await startServer()
    const stream = await fetch(`${server.url}/api/v1/events`)
    const text = stream.text()
    await post(`${server.url}/api/v1/report`, goodReport(1))
    await server.stop()
    assert.match(await text, /^retry: \d+\n.*event: synced\n.*"type":"pull.started"/s)
  })

  it('tells in its history what ran when it stopped, until the agent goes on with it', async () => {
    const dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-stopped-'))
    try {
      const first = await startServer({ PULLTRACE_DATA_DIR: dataDir })
      await post(`${first.url}/api/v1/report`, goodReport(1))
      await first.stop()
      await using next = await startServer({ PULLTRACE_DATA_DIR: dataDir })
      const ended = async () => {
        const { items } = (await (await fetch(`${next.url}/api/v1/history`)).json()) as { items: Pull[] }
        return items.map(({ phase, error }) => [phase, error])
      }
      assert.deepEqual(await ended(), [['unknown', 'the server stopped before the pull ended']])
      const stop = new AbortController()
      const stream = await fetch(`${next.url}/api/v1/events`, { signal: stop.signal })
      await post(`${next.url}/api/v1/report`, goodReport(2))
      assert.deepEqual(await ended(), [], 'what goes on has not ended')
      const done = goodPull({ phase: 'completed', completedAt: '2026-11-21T10:01:00Z' })
      await post(`${next.url}/api/v1/report`, goodReport(3, { pulls: [done] }))
      assert.deepEqual(await ended(), [['completed', undefined]])
      // It runs again, and then it ends: each is told once.
      const types: string[] = []
      for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
        types.push(...[...chunk.matchAll(/"type":"(pull\.\w+)"/g)].map(match => match[1]!))
        if (types.includes('pull.completed')) break
      }
      stop.abort()
      assert.deepEqual(types, ['pull.started', 'pull.completed'])
    } finally {
      rmSync(dataDir, { recursive: true, force: true })
    }
  })

  it('is not ready while it drains, and still takes reports', async function () {
    this.timeout(30_000)
    const server = await startServer({ PULLTRACE_DRAIN_DELAY: '3s' })
    const stopped = server.stop()
    const ready = await fetch(`${server.metricsUrl}/readyz`)
    assert.equal(ready.status, 503)
    assert.equal(((await ready.json()) as { status: string }).status, 'draining')
    assert.equal((await post(`${server.url}/api/v1/report`, goodReport(1))).status, 200)
    await stopped
    await assert.rejects(fetch(server.url))
  })

  it('does not start half: an address that is taken closes what was opened before', async () => {
    await using first = await startServer()
    const taken = new URL(first.url).host
    await assert.rejects(startServer({ PULLTRACE_HTTP_ADDR: taken }), { code: 'unavailable', message: /is in use/ })
  })

  describe('as a process', () => {
    let child: ChildProcess
    let dataDir: string
    beforeEach(() => {
      dataDir = mkdtempSync(path.join(tmpdir(), 'pulltrace-server-'))
    })
    afterEach(() => {
      child.kill('SIGKILL')
      rmSync(dataDir, { recursive: true, force: true })
    })
    const start = (env: Record<string, string>) => {
      const settings = {
        PATH: process.env['PATH'],
        PULLTRACE_DATA_DIR: dataDir,
        PULLTRACE_METRICS_ADDR: '127.0.0.1:0',
        ...env,
      }
      child = spawn(process.execPath, [path.join(import.meta.dirname, 'main.ts')], {
        env: settings,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      return createInterface({ input: child.stderr! })[Symbol.asyncIterator]()
    }

    it('logs its address, and ends well on SIGTERM', async () => {
      const lines = start({ PULLTRACE_HTTP_ADDR: '127.0.0.1:0', PULLTRACE_READER_AUTH: 'none' })
      let line: Record<string, string> = {}
      while (line['msg'] !== 'listening') line = JSON.parse(String((await lines.next()).value))
      assert.equal((await fetch(line['url']!)).status, 200)
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      assert.deepEqual(await exited, [0, null])
    })

    it('names every fault of its settings in words and exits with 2', async () => {
      const lines = start({ PULLTRACE_READER_AUTH: 'token' })
      const exited = once(child, 'exit')
      const said: string[] = []
      for await (const line of { [Symbol.asyncIterator]: () => lines }) said.push(line)
      assert.match(said.join(' '), /PULLTRACE_AGENT_TOKEN_FILE.*PULLTRACE_READER_TOKEN_FILE/)
      assert.deepEqual(await exited, [2, null])
    })
  })
})

const kubeconfigFor = (server: string) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })
