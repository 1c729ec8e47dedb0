import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { loadAgentConfig } from './config.ts'

describe('loadAgentConfig', () => {
  it('works without any setting', () => {
    const config = loadAgentConfig({})
    assert.equal(config.nodeName, hostname())
    assert.equal(config.socket, '/run/containerd/containerd.sock')
    assert.deepEqual(config.namespaces, ['k8s.io'])
    assert.equal(config.reportIntervalMs, 2000)
    assert.deepEqual(config.metricsAddr, { host: undefined, port: 9091, setting: 'PULLTRACE_AGENT_METRICS_ADDR' })
    assert.equal(config.token(), undefined)
  })

  it("takes a socket as a URL, and '*' for all namespaces", () => {
    const env = { PULLTRACE_CONTAINERD_SOCKET: 'unix:///run/c.sock', PULLTRACE_CONTAINERD_NAMESPACES: '*' }
    const { socket, namespaces } = loadAgentConfig(env)
    assert.deepEqual({ socket, namespaces }, { socket: '/run/c.sock', namespaces: [] })
  })

  for (const text of [',', ' , ,', ' ']) {
    it(`refuses '${text}' for the namespaces: it names none, and would watch all`, () =>
      assert.throws(() => loadAgentConfig({ PULLTRACE_CONTAINERD_NAMESPACES: text }), {
        message: /PULLTRACE_CONTAINERD_NAMESPACES must name a containerd namespace, or be '\*' for all, got '/,
      }))
  }

  it('reads a token file again, since tokens are renewed in place', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'pulltrace-config-'))
    try {
      const file = path.join(folder, 'token')
      writeFileSync(file, 'first\n')
      const { token } = loadAgentConfig({ PULLTRACE_AGENT_TOKEN_FILE: file })
      assert.equal(token()?.reveal(), 'first')
      writeFileSync(file, 'second\n')
      assert.equal(token()?.reveal(), 'second')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('names every fault at once', () => {
    const env = {
      PULLTRACE_SERVER_URL: 'nowhere',
      PULLTRACE_REPORT_INTERVAL: '10ms',
      PULLTRACE_AGENT_METRICS_ADDR: 'x',
      PULLTRACE_LOG_LEVEL: 'loud',
    }
    assert.throws(
      () => loadAgentConfig(env),
      (error: Error) => Object.keys(env).every(name => error.message.includes(name)),
    )
    assert.throws(() => loadAgentConfig({ PULLTRACE_NODE_NAME: 'a'.repeat(254) }), /the name of a Node.*253/)
    const relations = {
      PULLTRACE_NODE_NAME: '-',
      PULLTRACE_AGENT_TOKEN: 'a',
      PULLTRACE_AGENT_TOKEN_FILE: '/none',
      PULLTRACE_CA_FILE: '/none',
    }
    assert.throws(
      () => loadAgentConfig(relations),
      (error: Error) => Object.keys(relations).every(name => error.message.includes(name)),
    )
  })
})
