import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { build, type Metafile } from 'esbuild'
import { agentBundle } from '../build/bundles.ts'
import { openDemoSocket } from '../cli/demo/listen.ts'
import { DemoRuntime } from '../cli/demo/runtime.ts'
import type { AgentReport } from '../core/contract/agent-report.ts'
import { systemClock } from '../core/lib/clock.ts'
import { type Child, startChild } from './rig/child.ts'

const launcher = fileURLToPath(new URL('../bin/pulltrace-agent', import.meta.url))

describe('the bundle of the agent', function () {
  this.timeout(30_000)
  let folder: string
  let metafile: Metafile

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-bundle-'))
    const root = fileURLToPath(new URL('..', import.meta.url))
    ;({ metafile } = await build({ ...agentBundle(folder), absWorkingDir: root, metafile: true }))
  })
  after(() => rm(folder, { recursive: true }))

  for (const unused of ['typebox', 'yaml', 'protobufjs', '@grpc/grpc-js', '@opentelemetry/api', 'koa']) {
    it(`holds nothing of ${unused}`, () => {
      const files = Object.keys(metafile.inputs).filter(file => file.includes(`node_modules/${unused}/`))
      assert.deepEqual(files, [])
    })
  }

  it('reports a pull from its beginning to its end, answers for metrics, and stops when it is asked to', async () => {
    const socket = path.join(folder, 'demo.sock')
    const runtime = new DemoRuntime({ clock: systemClock, seed: 1 })
    const demo = await openDemoSocket(runtime, socket)
    const tick = setInterval(() => runtime.advance(), 20)
    const seen = new EventEmitter()
    const server = http.createServer(async (request, response) => {
      const report = (await json(request)) as AgentReport
      const intervals = { reportIntervalMs: 100, idleReportIntervalMs: 100 }
      response.end(JSON.stringify({ accepted: true, acknowledged: true, ...intervals, awaiting: [] }))
      seen.emit('report')
      for (const { phase } of report.pulls) seen.emit(phase)
    })
    let agent: Child | undefined
    try {
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const port = (end: http.Server) => (end.address() as AddressInfo).port
      const limit = { signal: AbortSignal.timeout(20_000) }
      const reported = once(seen, 'report', limit)
      const log = path.join(folder, 'log')
      agent = await startChild(launcher, [path.join(folder, 'pulltrace-agent.mjs')], log, {
        PATH: process.env['PATH'],
        PULLTRACE_SERVER_URL: `http://127.0.0.1:${port(server)}`,
        PULLTRACE_CONTAINERD_SOCKET: socket,
        PULLTRACE_REPORT_INTERVAL: '100ms',
        PULLTRACE_AGENT_METRICS_ADDR: '127.0.0.1:0',
      })
      await reported
      const phases = Promise.all([once(seen, 'downloading', limit), once(seen, 'completed', limit)])
      const layers = ['one', 'two'].map(name => ({ name, bytes: 200_000 }))
      runtime.startPull({ ref: 'registry.example.com/team/app:v1', layers }, { rate: 1024 * 1024 })
      await phases
      const lines = agent.log().split('\n')
      const started = JSON.parse(lines.find(line => line.includes('agent started'))!) as { address: AddressInfo }
      const metrics = await fetch(`http://127.0.0.1:${started.address.port}/metrics`)
      assert.match(await metrics.text(), /^pulltrace_agent_pulls_ended_total\{phase="completed"\} 1$/m)
      await agent.end('SIGTERM')
      assert.equal(agent.exitCode(), 0)
    } finally {
      await agent?.end('SIGKILL')
      clearInterval(tick)
      await demo.close()
      server.closeAllConnections()
      server.close()
    }
  })
})
