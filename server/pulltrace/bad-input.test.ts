import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { type BadRequest, badRequestFrom } from './bad-report.fake.ts'
import { goodLayer, goodPull, goodReport, post } from './start-server.fake.ts'

const soak = process.env['SOAK'] === '1'
/** Good reports, and as many bad ones. */
const reports = soak ? 10_000 : 1000
const nodes = 8
const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
const atMs = Date.parse('2026-11-21T10:00:00Z')

interface Measured {
  readonly child: ChildProcess
  readonly url: string
  readonly metricsUrl: string
}

const tell = async (child: ChildProcess, message: string) => {
  child.send(message)
  return (await once(child, 'message'))[0] as { usedBytes: number }
}

async function startMeasured(): Promise<Measured> {
  const child = fork(path.join(import.meta.dirname, 'measured-server.fake.ts'), { execArgv: ['--expose-gc'] })
  const [urls] = await once(child, 'message')
  return { child, ...(urls as { url: string; metricsUrl: string }) }
}

async function stopMeasured({ child }: Measured): Promise<void> {
  child.send('stop')
  await once(child, 'exit')
}

const range = (length: number) => Array.from({ length }, (_, index) => index)

/** What node `node` says in its `seq`-th report: two pulls that grow, end in the tenth, and are followed by others. */
function reportOf(node: number, seq: number): Record<string, unknown> {
  const round = Math.floor(seq / 10)
  const step = seq % 10
  const time = (offset: number) => new Date(atMs + (round * 10 + offset) * 1000).toISOString()
  const pull = (which: number) => {
    const ends = step === 9 && { phase: which === 0 ? 'completed' : 'failed', completedAt: time(9) }
    const downloadedBytes = step === 9 && which === 0 ? 1000 : step * 100
    return goodPull({
      id: idOf(node, round, which),
      startedAt: time(0),
      layers: ['1', '2'].map(digit => goodLayer(digit, { downloadedBytes })),
      ...ends,
    })
  }
  return goodReport(seq, { nodeName: `node-${node}`, timestamp: time(step), pulls: [pull(0), pull(1)] })
}

const idOf = (...parts: readonly number[]) =>
  parts
    .map(part =>
      part
        .toString(26)
        .replace(/./g, digit => String.fromCharCode(97 + Number.parseInt(digit, 26)))
        .padStart(6, 'a'),
    )
    .join('z')
    .padEnd(26, 'z')

/** Sends the good reports of every node in order, and `between` beside each of them. */
async function sendGood(url: string, between: (node: number, seq: number) => Promise<void> = async () => {}) {
  const each = reports / nodes
  await Promise.all(
    Array.from({ length: nodes }, async (_, node) => {
      for (let seq = 1; seq <= each; seq++) {
        const [response] = await Promise.all([post(`${url}/api/v1/report`, reportOf(node, seq)), between(node, seq)])
        const answer = (await response.json()) as { accepted: boolean; acknowledged: boolean }
        assert.equal(response.status, 200, JSON.stringify(answer))
        assert.deepEqual([answer.accepted, answer.acknowledged], [true, true])
      }
    }),
  )
}

/** Everything a reader can see, without what the clock of the server or the numbering of events adds. */
async function stateOf(url: string) {
  const all = async (path: string, list: string) => {
    const items: Record<string, unknown>[] = []
    for (let cursor = ''; ; ) {
      const page = (await (await fetch(`${url}${path}${cursor}`)).json()) as Record<string, unknown>
      items.push(...(page[list] as Record<string, unknown>[]))
      if (page['nextCursor'] === null) break
      cursor = `&cursor=${page['nextCursor']}`
    }
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  const nodes = await all('/api/v1/nodes?limit=100', 'items')
  return {
    nodes: nodes.map(({ lastReportAt: _, clockSkewMs: __, ...node }) => node),
    live: await all('/api/v1/pulls?layers=true', 'pulls'),
    history: await all('/api/v1/history?layers=true&limit=1000', 'items'),
  }
}

/** Readers see what has been emitted, which is behind the newest report by at most one flush. */
async function sameState(one: string, other: string): Promise<void> {
  for (const limitMs = Date.now() + 20_000; ; await new Promise(resolve => setTimeout(resolve, 50))) {
    const [ours, theirs] = await Promise.all([stateOf(one), stateOf(other)])
    if (isDeepStrictEqual(ours, theirs)) return
    if (Date.now() > limitMs) assert.deepEqual(ours, theirs)
  }
}

async function checkRefused(url: string, bad: BadRequest): Promise<void> {
  const response = await post(`${url}/api/v1/report`, bad.body, bad.headers)
  const text = await response.text()
  const shown = `${bad.kind}: ${String(bad.body).slice(0, 600)}\n${text.slice(0, 600)}`
  assert.equal(response.status, bad.status, shown)
  const { error } = JSON.parse(text) as { error: Record<string, string> }
  assert.ok(error['message'], shown)
  if (bad.path === undefined) return
  assert.equal(error['path'], bad.path, shown)
  assert.ok(error['bound'], shown)
}

/** Bodies that stop in the middle: half of them hang up, the others stay and say nothing more. */
async function sendHalf(url: string, node: number): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const text = JSON.stringify(reportOf(node, 1_000_000))
  const head = `POST /api/v1/report HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n`
  await once(socket, 'connect')
  socket.on('error', () => {})
  socket.resume().write(head + text.slice(0, text.length / 2))
  return socket
}

describe('bad input', function () {
  this.timeout(60_000)
  let server: Measured
  let calm: Measured
  before(async () => {
    server = await startMeasured()
    calm = await startMeasured()
  })
  const stalled: Socket[] = []
  after(async () => {
    for (const socket of stalled) socket.destroy()
    await Promise.all([server, calm].map(stopMeasured))
  })

  it(`of ${reports} reports leaves ${reports} good ones, the state and the memory as they are (SEED=${seed})`, async function () {
    this.timeout(soak ? 600_000 : 120_000)
    const url = server.url
    // What would come through: a newer epoch than any good report has.
    const hostile = (node: number) => ({
      ...reportOf(node, 5),
      agent: { version: '0', epoch: 'hostile-epoch', seq: 1 },
    })
    const bad = Array.from({ length: nodes }, (_, node) =>
      fc.sample(badRequestFrom(hostile(node)), { numRuns: reports / nodes + 20, seed: seed + node }),
    )
    // Warm: code is compiled and pools are filled before the memory is looked at.
    for (const list of bad) for (const request of list.splice(0, 20)) await checkRefused(url, request)
    const before = await tell(server.child, 'memory')

    await sendGood(url, async (node, seq) => {
      await checkRefused(url, bad[node]![seq - 1]!)
      if (seq % 20 !== 0) return
      const socket = await sendHalf(url, node)
      if (seq % 40 === 0) socket.destroy()
      else stalled.push(socket)
    })
    await sendGood(calm.url)
    // All at once for both: a server that has waited longer must not have a node that seems silent.
    const last = reports / nodes + 1
    await Promise.all(
      [url, calm.url].flatMap(to => range(nodes).map(node => post(`${to}/api/v1/report`, reportOf(node, last)))),
    )
    await sameState(url, calm.url)

    for (const socket of stalled) socket.destroy()
    await Promise.all(stalled.map(socket => socket.closed || once(socket, 'close')))
    const after = await tell(server.child, 'memory')
    const calmAfter = await tell(calm.child, 'memory')
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    assert.match(metrics, /^pulltrace_http_body_bytes 0$/m)
    // Good reports leave something behind too (the ring of ends): the calm server shows how much.
    const spareBytes = 8 * 1024 * 1024
    const bound = Math.max(before.usedBytes, calmAfter.usedBytes) + spareBytes
    assert.ok(
      after.usedBytes < bound,
      `${before.usedBytes} before, ${after.usedBytes} after, calm ${calmAfter.usedBytes}`,
    )
    if (soak) {
      const mebibytes = [before, after, calmAfter].map(({ usedBytes }) => (usedBytes / 2 ** 20).toFixed(1))
      process.stderr.write(`MiB before, after, without bad input: ${mebibytes.join(', ')}\n`)
    }
  })
})
