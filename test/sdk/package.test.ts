import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { version } from '../../core/lib/version.ts'
import { buildSdk } from '../../sdk/typescript/build.ts'
import { eventually } from '../eventually.ts'
import { startSensorApi } from '../rig/pulltrace.ts'
import { wireRule } from './open-sensor.fake.ts'
import { firstCode } from './readme.fake.ts'
import { applyRules, storedEvents, writtenRule } from './real-service.fake.ts'
import { ScriptedServer } from './scripted-server.fake.ts'

const run = promisify(execFile)
const readmeOutput = "7 kept [ 'large order' ]\n8 kept []\n{ accepted: 1, requeued: 0, dropped: 0 }\n"
const root = process.cwd()
const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8'))

/** The oldest Node that the package is for, if the machine has one; else the machine's. */
async function oldNode(): Promise<string> {
  const found = (process.env['PATH'] ?? '').split(':').map(folder => path.join(folder, 'node'))
  for (const node of found.filter(existsSync)) {
    const { stdout } = await run(node, ['--version'])
    if (stdout.startsWith('v20.')) return node
  }
  return process.execPath
}

describe('the package @trapperkeeper/sensor', () => {
  let folder: string
  let server: ScriptedServer

  before(async function () {
    this.timeout(120_000)
    folder = await mkdtemp(path.join(tmpdir(), 'sensor-package-'))
    await buildSdk(path.join(folder, 'built'))
    const { stdout } = await run('npm', ['pack', '--json', path.join(folder, 'built')], { cwd: folder })
    const [{ filename }] = JSON.parse(stdout)
    await mkdir(path.join(folder, 'job'))
    await writeFile(path.join(folder, 'job/package.json'), '{"name":"job","version":"1.0.0","type":"module"}')
    const options = ['--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts']
    await run('npm', ['install', ...options, path.join(folder, filename)], { cwd: path.join(folder, 'job') })
  })
  after(() => rm(folder, { recursive: true, force: true }))
  beforeEach(async () => {
    server = await ScriptedServer.start()
    server.rules = [wireRule('observe', { field: ['total'] }, { name: 'large order' })]
  })
  afterEach(() => server[Symbol.asyncDispose]())

  const start = async (node: string, file: string, { url, key } = { url: server.url, key: 'key' }) => {
    const env = { TK_API_URL: url, TK_API_KEY: key, PATH: process.env['PATH'] }
    const { stdout } = await run(node, [file], { cwd: path.join(folder, 'job'), env, timeout: 8_000 })
    return stdout
  }

  it('runs the first ten lines of its README as plain JavaScript, on Node 20 where there is one', async () => {
    const code = await firstCode()
    assert.ok(code.trimEnd().split('\n').length <= 10)
    await writeFile(path.join(folder, 'job/readme.js'), code)
    for (const node of new Set([await oldNode(), process.execPath])) {
      server.stored.clear()
      const output = await start(node, 'readme.js')
      assert.equal(output, readmeOutput)
      const [event] = server.stored.values()
      assert.deepEqual(event!.metadata, { batch: '42' })
      assert.deepEqual(server.syncs.at(-1)!.request.tags, ['production'])
    }
  })

  it('runs those lines with the real tk-sensor-api', async function () {
    this.timeout(60_000)
    const service = await startSensorApi()
    try {
      await applyRules(service, [writtenRule('large order', { scope: { tags: ['production'] } })])
      await writeFile(path.join(folder, 'job/readme.js'), await firstCode())
      const real = { url: `http://${service.address}`, key: service.key }
      const output = await eventually('the rule is there', async () => {
        const seen = await start(process.execPath, 'readme.js', real)
        return seen.includes('large order') && seen
      })
      assert.equal(output, readmeOutput)
      const events = await storedEvents(service)
      assert.deepEqual(
        events.map(({ ruleName, recordJson, metadata }) => [ruleName, recordJson, metadata['batch']]),
        [['large order', '{"order":7,"total":120}', '42']],
      )
    } finally {
      await service.stop()
    }
  })

  it('does not keep a process alive that forgets to close', async () => {
    const code = `import { Sensor } from '@trapperkeeper/sensor'
      const sensor = await Sensor.open({ syncInterval: '5s' })
      sensor.check({ total: 200 })
      console.log(sensor.state)`
    await writeFile(path.join(folder, 'job/forgets.js'), code)
    assert.equal(await start(process.execPath, 'forgets.js'), 'READY\n')
  })

  it('has types that a strict TypeScript program compiles against, without skipLibCheck', async function () {
    this.timeout(60_000)
    const code = `import { EventBufferFull, type Outcome, RuleFailed, Sensor, type SensorOptions } from '@trapperkeeper/sensor'
      const options: SensorOptions = { apiKey: 'key', failureMode: 'fail-open-with-cache', cacheTtl: '10m' }
      await using sensor = await Sensor.open(options)
      try {
        const outcome: Outcome = sensor.check({ a: 1n }, { batch: '42' })
        const values: unknown[] = outcome.matches.map(({ value }) => value)
        // @ts-expect-error: there is no such mode
        await Sensor.open({ failureMode: 'fail-fast', tags: values.map(String) })
        const { accepted }: { accepted: number } = await sensor.flush()
        sensor.on('state', (state, before) => state === 'READY' && before === 'STALE' && accepted > 0)
      } catch (error) {
        if (error instanceof EventBufferFull || error instanceof RuleFailed) error.outcome.keep satisfies boolean
      }
      export {}`
    await writeFile(path.join(folder, 'job/typed.ts'), code)
    const options = ['--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--module', 'nodenext']
    const tsc = path.join(root, 'node_modules/.bin/tsc')
    const types = path.join(root, 'node_modules/@types')
    await run(
      tsc,
      [
        ...options,
        '--lib',
        'es2022,esnext.disposable',
        '--types',
        'node',
        '--typeRoots',
        types,
        '--noEmit',
        'typed.ts',
      ],
      {
        cwd: path.join(folder, 'job'),
      },
    ).catch(error => assert.fail(error.stdout))
  })

  it('has the version of the product, its licence, and the dependencies that were tested', async () => {
    const own = await readJson('sdk/typescript/package.json')
    const product = await readJson('package.json')
    assert.equal(own.version, version)
    for (const [name, range] of Object.entries(own.dependencies)) assert.equal(range, `^${product.dependencies[name]}`)
    const installed = path.join(folder, 'job/node_modules/@trapperkeeper/sensor')
    for (const file of ['LICENSE', 'README.md', 'dist/index.js'])
      assert.ok(existsSync(path.join(installed, file)), file)
  })
})
