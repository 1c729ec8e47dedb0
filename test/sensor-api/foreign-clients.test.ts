import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { parseRule } from '../../core/rules/parse.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import { makeRigDir, removeRigDir } from '../rig/child.ts'
import { findProgram } from '../rig/programs.ts'
import { type SensorApiProgram, startSensorApi } from '../rig/pulltrace.ts'

const run = promisify(execFile)
const proto = path.join(import.meta.dirname, '../../proto')

/** Clients that share no line of code with the service: what they can do, any language can. */
describe('tk-sensor-api with clients of others', function () {
  this.timeout(60_000)
  let server: SensorApiProgram
  let dir: string

  before(async () => {
    dir = await makeRigDir('foreign')
    server = await startSensorApi()
    const store = openSqliteTk({ file: server.databaseFile, clock: systemClock, log: silentLogger })
    const rule = parseRule({
      name: 'too hot',
      state: 'active',
      action: 'observe',
      scope: { tags: ['production'] },
      any: [{ all: [{ field: ['temperature'], op: 'gt', field_type: 'numeric', value: 100 }] }],
    })
    if (!rule.rule) assert.fail(JSON.stringify(rule.faults))
    await store.rules.change([{ kind: 'create', content: rule.rule }], { name: 'test' })
    await store.close()
  })
  after(async () => {
    await server?.stop()
    await removeRigDir(dir)
  })

  describe('grpcurl', () => {
    const grpcurl = async (...args: readonly string[]) => {
      const flags = ['-plaintext', '-H', `x-api-key: ${server.key}`]
      const { stdout } = await run(await findProgram('grpcurl'), [...flags, ...args])
      return stdout
    }
    const call = async (method: string, request: object) => {
      const name = `trapperkeeper.sensor.v1.SensorAPI/${method}`
      return JSON.parse(await grpcurl('-d', JSON.stringify(request), server.address, name))
    }

    it('lists what there is', async () => {
      const services = (await grpcurl(server.address, 'list')).trim().split('\n')
      assert.ok(services.includes('trapperkeeper.sensor.v1.SensorAPI'), services.join())
      assert.ok(services.includes('grpc.health.v1.Health'), services.join())
    })

    it('describes the service and its messages', async () => {
      const described = await grpcurl(server.address, 'describe', 'trapperkeeper.sensor.v1.SensorAPI')
      assert.match(described, /rpc ReportEvents \( \.trapperkeeper\.sensor\.v1\.ReportEventsRequest \)/)
      assert.match(
        await grpcurl(server.address, 'describe', '.trapperkeeper.sensor.v1.Event'),
        /bytes record_json = 108;/,
      )
    })

    it('fetches rules and reports an event', async () => {
      const set = await call('SyncRules', { tags: ['production'] })
      assert.deepEqual(
        set.rules.map(({ name, action }: Record<string, string>) => [name, action]),
        [['too hot', 'ACTION_OBSERVE']],
      )
      const event = {
        eventId: '019a8c4e-7b2d-7000-8000-000000000001',
        ruleId: set.rules[0].ruleId,
        ruleVersion: set.rules[0].version,
        action: 'ACTION_OBSERVE',
        matchKind: 'MATCH_KIND_VALUE',
        recordJson: Buffer.from('{"temperature":120}').toString('base64'),
        clientTimestamp: new Date().toISOString(),
      }
      const answer = await call('ReportEvents', { events: [event] })
      assert.deepEqual([answer.acceptedCount, answer.results[0].status], [1, 'EVENT_STATUS_ACCEPTED'])
    })

    it('is told that the service is healthy', async () => {
      assert.match(await grpcurl(server.address, 'grpc.health.v1.Health/Check'), /SERVING/)
    })
  })

  it('takes a Python client that was generated from the proto alone, also one that knows the first fields only', async () => {
    const packages = await findProgram('python-grpc')
    const generated = path.join(dir, 'generated')
    await mkdir(generated)
    const env = { ...process.env, PYTHONPATH: `${packages}:${generated}`, PYTHONDONTWRITEBYTECODE: '1' }
    const out = [`--proto_path=${proto}`, `--python_out=${generated}`, `--grpc_python_out=${generated}`]
    await run('python3', ['-m', 'grpc_tools.protoc', ...out, 'trapperkeeper/sensor/v1/sensor_api.proto'], { env })
    const client = path.join(import.meta.dirname, 'client.py')
    const { stdout } = await run('python3', [client, server.address, server.key], { env })
    const said = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>)
    const of = (step: string) => said.find(each => each['step'] === step)!

    const { etag } = of('sync')
    assert.match(String(etag), /^v1-[\w-]{43}$/)
    assert.deepEqual(of('sync'), { step: 'sync', rules: ['too hot'], etag, header: etag })
    assert.deepEqual(of('unchanged'), { step: 'unchanged', bytes: 0, header: etag, notModified: '1' })
    const once = { accepted: 1, rejected: 0, statuses: ['EVENT_STATUS_ACCEPTED'] }
    const { id } = of('report')
    assert.deepEqual(of('report'), { step: 'report', id, ...once, duplicates: 0, codes: ['EVENT_CODE_UNSPECIFIED'] })
    assert.deepEqual(of('again'), { step: 'again', ...once, duplicates: 1, codes: ['EVENT_CODE_DUPLICATE'] })
    const original = of('original')
    assert.deepEqual([original['accepted'], original['statuses']], [1, ['EVENT_STATUS_ACCEPTED']])
    assert.deepEqual(of('no key'), {
      step: 'no key',
      code: 'UNAUTHENTICATED',
      message: 'API key required in x-api-key metadata',
    })

    const store = openSqliteTk({ file: server.databaseFile, clock: systemClock, log: silentLogger })
    try {
      assert.equal((await store.events.get(String(id)))?.ruleName, 'too hot')
      const kept = await store.events.get(String(original['id']))
      assert.deepEqual(JSON.parse(kept!.recordJson!), { temperature: 130 })
      assert.equal(kept!.metadata['batch'], '7')
    } finally {
      await store.close()
    }
  })
})
