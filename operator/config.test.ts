import assert from 'node:assert/strict'
import { loadOperatorConfig } from './config.ts'

describe('loadOperatorConfig', () => {
  it('needs the image only', () => {
    const config = loadOperatorConfig({ PULLTRACE_IMAGE: 'registry.example.com/pulltrace:1' })
    assert.equal(config.operatorNamespace, 'pulltrace-system')
    assert.equal(config.agentNamespace, 'pulltrace-agents')
    assert.equal(config.leaderElect, true)
    assert.equal(config.resyncMs, 600_000)
    assert.deepEqual(config.metricsAddr, { host: undefined, port: 8081, setting: 'PULLTRACE_OPERATOR_METRICS_ADDR' })
  })

  it('names every fault at once', () => {
    const env = { PULLTRACE_AGENT_NAMESPACE: 'Not A Name', PULLTRACE_LEADER_ELECT: 'yes' }
    assert.throws(() => loadOperatorConfig(env), {
      message:
        /PULLTRACE_IMAGE must be set: .*; PULLTRACE_AGENT_NAMESPACE must be the name of a namespace, got 'Not A Name'; PULLTRACE_LEADER_ELECT must be one of 'true', 'false', got 'yes'/,
    })
  })
})
