import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import {
  type AgentReport,
  type AwaitedPull,
  isV1,
  parseAgentReport,
  type ReportedPull,
} from '../../core/contract/agent-report.ts'
import { containerdVersions } from '../rig/containerd.ts'
import { type Program, startAgent } from '../rig/pulltrace.ts'
import { type Rig, startRig } from '../rig/rig.ts'

/** Takes reports as a server does that trusts everyone and forgets everything. */
async function openCollector() {
  const changes = new EventEmitter()
  const reports: { report: AgentReport; atMs: number }[] = []
  const rules = { awaiting: [] as AwaitedPull[], acknowledged: true, reportIntervalMs: 200, idleReportIntervalMs: 200 }
  const server = http.createServer(async (request, response) => {
    const report = parseAgentReport(await json(request))
    assert.ok(!isV1(report))
    response.end(JSON.stringify({ accepted: true, ...rules }))
    reports.push({ report, atMs: Date.now() })
    changes.emit('report')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rules,
    reports,
    /** The first pull of a report after the `from`th that fits. */
    async pull(fits: (pull: ReportedPull) => boolean, from = 0): Promise<ReportedPull> {
      const limit = AbortSignal.timeout(15_000)
      for (;;) {
        const found = reports
          .slice(from)
          .flatMap(({ report }) => report.pulls)
          .find(fits)
        if (found) return found
        await once(changes, 'report', { signal: limit })
      }
    },
    next: () => once(changes, 'report', { signal: AbortSignal.timeout(15_000) }),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const MiB = 1024 * 1024

for (const version of containerdVersions) {
  describe(`the agent as a process, on containerd ${version}`, function () {
    this.timeout(60_000)
    let rig: Rig
    let collector: Awaited<ReturnType<typeof openCollector>>
    let agent: Program

    before(async () => {
      rig = await startRig({ version })
    })
    after(() => rig?.stop())
    beforeEach(async () => {
      collector = await openCollector()
      agent = await start()
      await collector.next()
    })
    afterEach(async () => {
      await agent.stop()
      collector.close()
    })
    const start = () =>
      startAgent({ nodeName: 'node-a', serverUrl: collector.url, socket: rig.containerd.socket, reportIntervalMs: 200 })
    /** A pull that has half of its layer, and goes on when it is let: however late an agent looks, it finds it there. */
    const halfway = async (name: string) => {
      const image = await rig.push({ name, layers: [{ bytes: 3 * MiB }] })
      const gate = rig.proxy.blob(image.layers[0]!.digest)
      gate.release(1.5 * MiB)
      return { image, pulled: rig.pull(image), goOn: () => gate.resume() }
    }

    it('says who it is and what it looks at', () => {
      const { nodeName, runtime, pulls } = collector.reports[0]!.report
      assert.deepEqual({ nodeName, pulls }, { nodeName: 'node-a', pulls: [] })
      assert.equal(runtime?.name, 'containerd')
      assert.ok(runtime?.version.startsWith(version))
    })

    it('shows a pull while an idle node reports seldom', async () => {
      collector.rules.idleReportIntervalMs = 60_000
      await collector.next()
      const before = collector.reports.length
      const { pulled, goOn } = await halfway('idle')
      await collector.pull(({ phase }) => phase === 'downloading', before)
      goOn()
      await collector.pull(({ phase }) => phase === 'completed', before)
      await pulled
    })

    it('tells the end of a pull that another life of it saw begin', async () => {
      const { image, pulled, goOn } = await halfway('orphan')
      const { id, imageRef, digest, startedAt } = await collector.pull(({ phase }) => phase === 'downloading')
      await agent.kill9()
      goOn()
      await pulled
      collector.rules.awaiting = [{ id, imageRef, startedAt, ...(digest !== undefined && { digest }) }]
      const before = collector.reports.length
      const second = await start()
      try {
        const end = await collector.pull(pull => pull.id === id, before)
        assert.deepEqual([end.phase, end.imageRef], ['completed', image.ref(rig.proxy.host)])
      } finally {
        await second.stop()
      }
    })

    it('goes on with a pull under the same id after it was killed', async () => {
      const { pulled, goOn } = await halfway('resumed')
      const { id } = await collector.pull(({ phase }) => phase === 'downloading')
      await agent.kill9()
      const before = collector.reports.length
      const second = await start()
      try {
        const again = await collector.pull(({ phase }) => phase === 'downloading', before)
        assert.equal(again.id, id)
        goOn()
        const end = await collector.pull(({ phase }) => phase === 'completed', before)
        assert.equal(end.id, id)
        await pulled
      } finally {
        await second.stop()
      }
    })

    it('tells what it saw last while containerd is away, and ends until they are acknowledged', async () => {
      collector.rules.acknowledged = false
      const short = await rig.push({ name: 'ended', layers: [{ bytes: 1000 }] })
      await rig.pull(short)
      await collector.pull(({ phase }) => phase === 'completed')
      const { pulled, goOn } = await halfway('going-on')
      const cut = assert.rejects(pulled)
      await collector.pull(({ phase, imageRef }) => phase === 'downloading' && imageRef.includes('going-on'))
      await rig.containerd.kill9()
      await cut
      const from = collector.reports.length
      const phasesSince = (index: number) =>
        collector.reports.slice(index).map(({ report }) => report.pulls.map(({ phase }) => phase).sort())
      while (phasesSince(from).length < 3) await collector.next()
      for (const phases of phasesSince(from)) assert.deepEqual(phases, ['completed', 'downloading'])

      collector.rules.acknowledged = true
      // One more report may be on its way with what its answer is about to acknowledge.
      const told = collector.reports.length
      while (phasesSince(told).length < 3) await collector.next()
      assert.deepEqual(phasesSince(told).at(-1), ['downloading'])

      goOn()
      await rig.containerd.restart()
      await collector.pull(({ phase }) => phase === 'failed', told)
    })

    it('reports once more when it is asked to end, and ends well', async () => {
      collector.rules.reportIntervalMs = 60_000
      collector.rules.idleReportIntervalMs = 60_000
      await collector.next()
      const before = collector.reports.length
      assert.equal(await agent.terminate(), 0)
      assert.equal(collector.reports.length, before + 1)
    })
  })
}
