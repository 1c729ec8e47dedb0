import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { AgentReport } from '../core/contract/agent-report.ts'
import { createReportSink, type ReportSink } from './deliver.ts'

const report: AgentReport = {
  nodeName: 'node-a',
  timestamp: '2026-11-21T10:00:00Z',
  agent: { version: '1', epoch: 'epoch-123', seq: 1 },
  pulls: [],
}
const answer = { accepted: true, acknowledged: true, reportIntervalMs: 2000, idleReportIntervalMs: 2000, awaiting: [] }
const never = new AbortController().signal

describe('createReportSink, over TLS', () => {
  let folder: string
  let server: https.Server
  let sink: ReportSink
  let connections: number
  const file = (name: string) => path.join(folder, name)
  const pairOf = (name: string) => ({ cert: readFileSync(file(`${name}.crt`)), key: readFileSync(file(`${name}.key`)) })
  const makePair = (name: string) => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1']
    const out = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...out], { stdio: 'ignore' })
  }

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-ca-'))
    makePair('first')
    makePair('second')
  })
  after(() => rmSync(folder, { recursive: true }))

  beforeEach(async () => {
    connections = 0
    server = https.createServer(pairOf('first'), (request, response) => {
      void buffer(request).then(() => response.end(JSON.stringify(answer)))
    })
    server.on('secureConnection', () => connections++)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    copyFileSync(file('first.crt'), file('ca.crt'))
    const serverUrl = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
    sink = createReportSink({ serverUrl, token: () => undefined, caFile: file('ca.crt') })
  })
  afterEach(async () => {
    sink.close()
    server.closeAllConnections()
    await new Promise(done => server.close(done))
  })
  const deliver = () => sink.deliver(report, never)

  it('keeps one connection while the CA file stays as it is', async () => {
    for (let count = 0; count < 3; count++) assert.deepEqual(await deliver(), { outcome: 'answered', answer })
    assert.equal(connections, 1)
  })

  it('trusts whom the CA file names now, without a restart', async () => {
    assert.equal((await deliver()).outcome, 'answered')
    server.setSecureContext(pairOf('second'))
    server.closeAllConnections()
    const refused = await deliver()
    assert.ok(refused.outcome === 'unreachable' && /self-signed certificate/.test(refused.message), refused.outcome)

    copyFileSync(file('second.crt'), file('ca.crt'))
    assert.deepEqual(await deliver(), { outcome: 'answered', answer })
  })

  it('no longer talks to one that the CA file has ceased to name', async () => {
    assert.equal((await deliver()).outcome, 'answered')
    copyFileSync(file('second.crt'), file('ca.crt'))
    assert.equal((await deliver()).outcome, 'unreachable')
  })

  it('tells a CA file that cannot be read as unreachable, and goes on when it is back', async () => {
    rmSync(file('ca.crt'))
    const away = await deliver()
    assert.ok(away.outcome === 'unreachable' && /ENOENT/.test(away.message), away.outcome)
    copyFileSync(file('first.crt'), file('ca.crt'))
    assert.equal((await deliver()).outcome, 'answered')
  })
})
