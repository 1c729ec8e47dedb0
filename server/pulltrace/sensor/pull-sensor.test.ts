import { silentLogger } from '../../../core/lib/log.ts'
import type { Rule } from '../../../core/rules/rule.ts'
import { Sensor } from '../../../sdk/typescript/src/index.ts'
import { startSensorApi } from '../../sensor-api/start-sensor-api.fake.ts'
import { fakeRule } from '../../sensor-api/tk-store.fake.ts'
import { describePullSensor } from './pull-sensor.conformance.ts'
import { FakeSensor } from './pull-sensor.fake.ts'

const bufferEvents = 3
const isFailed = {
  field: ['phase'],
  op: 'eq',
  field_type: 'text',
  value: 'failed',
  on_missing_field: 'skip',
  on_coercion_fail: 'skip',
} as const
const rule = (number: number, action: Rule['action']) => fakeRule(number, { action, any: [{ all: [isFailed] }] })

describePullSensor('the one for tests', async () => {
  const sensor = new FakeSensor(bufferEvents)
  const when = ({ phase }: { phase: string }) => phase === 'failed'
  sensor.rules = [
    { ruleId: 'r1', action: 'observe', when },
    { ruleId: 'r2', action: 'fail', when },
  ]
  return { sensor, [Symbol.asyncDispose]: () => sensor.close() }
})

describePullSensor('that of the SDK', async () => {
  const tk = await startSensorApi()
  tk.store.set({ rules: [rule(1, 'observe'), rule(2, 'fail')] })
  const apiUrl = `http://${tk.address}`
  const options = { apiUrl, apiKey: tk.key, bufferEvents, raiseOnFail: false, logger: silentLogger, env: {} }
  const sensor = await Sensor.open(options)
  return {
    sensor,
    async [Symbol.asyncDispose]() {
      await sensor.close()
      await tk[Symbol.asyncDispose]()
    },
  }
})
