import assert from 'node:assert/strict'
import { createOperatorMetrics } from './metrics.ts'

describe('createOperatorMetrics', () => {
  it("counts under controller-runtime's names", async () => {
    const { registry, reconciled, wrote } = createOperatorMetrics('0.1.0')
    await reconciled(async () => 'success')
    await reconciled(async () => 'requeue_after')
    await assert.rejects(reconciled(async () => Promise.reject(new Error('away'))))
    await assert.rejects(
      reconciled(async () => {
        throw new TypeError('x is undefined')
      }),
    )
    wrote('DaemonSet', 'created')
    const text = await registry.metrics()
    for (const line of [
      'pulltrace_operator_info{version="0.1.0"} 1',
      'controller_runtime_reconcile_total{controller="pulltraceconfig",result="success"} 1',
      'controller_runtime_reconcile_total{controller="pulltraceconfig",result="requeue_after"} 1',
      'controller_runtime_reconcile_total{controller="pulltraceconfig",result="error"} 2',
      'controller_runtime_reconcile_total{controller="pulltraceconfig",result="requeue"} 0',
      'controller_runtime_reconcile_errors_total{controller="pulltraceconfig"} 2',
      'controller_runtime_reconcile_panics_total{controller="pulltraceconfig"} 1',
      'controller_runtime_reconcile_time_seconds_count{controller="pulltraceconfig"} 4',
      'controller_runtime_max_concurrent_reconciles{controller="pulltraceconfig"} 1',
      'controller_runtime_active_workers{controller="pulltraceconfig"} 0',
      'pulltrace_operator_writes_total{kind="DaemonSet",outcome="created"} 1',
    ]) {
      assert.ok(text.split('\n').includes(line), line)
    }
  })
})
