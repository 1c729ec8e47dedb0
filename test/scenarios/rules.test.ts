import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { silentLogger } from '../../core/lib/log.ts'
import { openSqliteTk } from '../../server/store/sqlite/open-sqlite-tk.ts'
import type { TkStore } from '../../server/store/tk-store.ts'
import { eventually, eventuallyHolds } from '../eventually.ts'
import { getJson } from '../rig/get-json.ts'
import type { BuiltImage } from '../rig/images.ts'
import {
  type Program,
  type SensorApiProgram,
  type ServerProgram,
  startAgent,
  startSensorApi,
  startServer,
} from '../rig/pulltrace.ts'
import { type Rig, startRig } from '../rig/rig.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const samples = path.join(root, 'config/samples/rules')
/** The shortest interval of a sensor, a tenth longer, and what a busy machine adds. Milliseconds. */
const oneSyncMs = 5500 + 2500

/** What the samples mean, in sizes and times of a test: 3 MB is huge, 5 s are slow, one host of ours is forbidden. */
const inTestSizes = (yaml: string) =>
  yaml
    .replace('value: 2147483648', 'value: 3000000')
    .replace('value: 120 }', 'value: 5 }')
    .replace('value: 127.0.0.1 }', 'value: 127.0.0.99 }')

const sampleNames = {
  unpinned: 'Image is not pinned to a digest',
  forbidden: 'Image comes from a registry that is not allowed',
  huge: 'Image is larger than 2 GiB',
  slow: 'Pull is slow',
  failed: 'Pull failed',
}

describe('rules on pulls, containerd 2.4', function () {
  this.timeout(120_000)
  let rig: Rig
  let sensorApi: SensorApiProgram
  let server: ServerProgram
  let agent: Program
  let store: TkStore
  let folder: string

  /** An admin command of tk-sensor-api, while the service runs. */
  async function admin(args: readonly string[], input?: string): Promise<string> {
    const env = { PATH: process.env['PATH'], TK_DATABASE_URL: sensorApi.databaseFile }
    const running = promisify(execFile)(process.execPath, [path.join(root, 'server/sensor-api/main.ts'), ...args], {
      env,
    })
    running.child.stdin?.end(input)
    return (await running).stdout
  }

  async function applySamples(change: (yaml: string) => string = yaml => yaml): Promise<void> {
    const files = await readdir(samples)
    const texts = await Promise.all(files.map(file => readFile(path.join(samples, file), 'utf8')))
    await admin(['rules', 'apply', '-f', '-', '--yes'], texts.map(text => change(inTestSizes(text))).join('\n---\n'))
  }

  /** Names of the rules that reported pulls of this image, sorted. */
  async function reported(image: BuiltImage): Promise<string[]> {
    const { items } = await store.events.search({ sinceMs: 0, untilMs: Date.now() + 60_000, text: image.name }, 200)
    return items.map(({ ruleName }) => ruleName ?? '?').sort()
  }

  async function rules(): Promise<number> {
    const text = await (await fetch(`${server.metricsUrl}/metrics`)).text()
    return Number(/^pulltrace_rules_in_force (\d+)$/m.exec(text)?.[1])
  }

  const pullOf = async (image: BuiltImage): Promise<Pull | undefined> => {
    const { items } = await getJson<{ items: Pull[] }>(`${server.url}/api/v1/history?image=${image.name}`)
    return items[0]
  }

  /** By the kubelet's call; resolves with the pull as the history has it. */
  async function pull(image: BuiltImage, ref = image.ref(rig.proxy.host)): Promise<Pull> {
    await rig.containerd.cri.pull(ref).catch(() => {})
    return eventually(`the end of ${image.name}`, () => pullOf(image))
  }

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-rules-'))
    rig = await startRig({ version: '2.4' })
    sensorApi = await startSensorApi({ folder })
    await applySamples()
    const env = {
      TK_API_URL: `http://${sensorApi.address}`,
      TK_API_KEY: sensorApi.key,
      TK_SYNC_INTERVAL: '5s',
    }
    server = await startServer({ reportIntervalMs: 200, env })
    // It waits for them when it starts, and not for ever.
    await eventually('five rules', async () => (await rules()) === 5)
    agent = await startAgent({
      nodeName: 'node-a',
      serverUrl: server.url,
      socket: rig.containerd.socket,
      reportIntervalMs: 200,
    })
    store = openSqliteTk({ file: sensorApi.databaseFile, clock: systemClock, log: silentLogger })
  })
  after(async () => {
    await store?.close()
    await Promise.all([agent?.stop(), server?.stop()])
    await sensorApi?.stop()
    await rig?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('reports the right pulls for each of the five samples, once, and marks what may not be', async () => {
    const { proxy } = rig
    const small = await rig.push({ name: 'rules/small', layers: [{ bytes: 200_000 }] })
    const pinned = await rig.push({ name: 'rules/pinned', layers: [{ bytes: 210_000 }] })
    const huge = await rig.push({ name: 'rules/huge', layers: [{ bytes: 4_000_000 }] })
    const slow = await rig.push({ name: 'rules/slow', layers: [{ bytes: 2_000_000 }] })
    const failing = await rig.push({ name: 'rules/failing', layers: [{ bytes: 220_000 }] })

    const { violations } = await pull(small)
    assert.deepEqual(
      violations?.map(({ name, action }) => [name, action]),
      [[sampleNames.forbidden, 'fail']],
    )
    await pull(pinned, `${proxy.host}/${pinned.name}@${pinned.targetDigest}`)
    await pull(huge)
    proxy.limit(300_000)
    await pull(slow)
    proxy.limit(undefined)
    // One that fails at once may be over before an agent looks: this one is given up in the middle.
    proxy.blob(failing.layers[0]!.digest).release(100_000)
    const stop = new AbortController()
    const given = rig.pull(failing, stop.signal).catch(() => {})
    const bytes = async () => {
      const { pulls } = await getJson<{ pulls: Pull[] }>(`${server.url}/api/v1/pulls?image=${failing.name}`)
      return pulls.some(({ phase }) => phase === 'downloading')
    }
    await eventually('the download', bytes)
    stop.abort()
    await given
    proxy.resume()
    assert.equal((await eventually('its end', () => pullOf(failing))).phase, 'failed')

    const { unpinned, forbidden } = sampleNames
    await eventuallyHolds(async () => {
      assert.deepEqual(await reported(small), [forbidden, unpinned].sort())
      assert.deepEqual(await reported(pinned), [forbidden])
      assert.deepEqual(await reported(huge), [forbidden, unpinned, sampleNames.huge].sort())
      assert.deepEqual(await reported(slow), [forbidden, unpinned, sampleNames.slow].sort())
      assert.ok((await reported(failing)).includes(sampleNames.failed))
    })
    const [event] = (await store.events.search({ sinceMs: 0, untilMs: Date.now() + 60_000, text: huge.name }, 200))
      .items
    const record = JSON.parse(event!.recordJson!) as { bytes: number; node: string; repository: string }
    assert.ok(record.bytes > 3_000_000)
    assert.deepEqual([record.node, event!.metadata['pull_id']], ['node-a', (await pullOf(huge))!.id])
  })

  it('lets a dry run and a pause take effect within one sync', async () => {
    let count = 0
    const next = () => rig.push({ name: `rules/next-${count++}`, layers: [{ bytes: 100_000 + count }] })

    await applySamples(yaml => yaml.replace('action: fail', 'action: fail\n  dry_run: true'))
    const syncedMs = performance.now() + oneSyncMs
    // By when a pull began: on a busy machine it takes a while until its end is told.
    for (let marked = true; marked; ) {
      const beganMs = performance.now()
      const image = await next()
      marked = (await pull(image)).violations !== undefined
      assert.ok(!marked || beganMs < syncedMs, 'a dry run must only report')
      if (!marked) await eventuallyHolds(async () => assert.ok((await reported(image)).includes(sampleNames.forbidden)))
    }

    await admin(['rules', 'pause', '--why', 'a test'])
    await eventually('no rules', async () => (await rules()) === 0, oneSyncMs)
    const unseen = await next()
    await pull(unseen)
    await admin(['rules', 'resume'])
    await eventually('five rules', async () => (await rules()) === 5, oneSyncMs)
    const seen = await next()
    await pull(seen)
    await eventuallyHolds(async () => assert.ok((await reported(seen)).includes(sampleNames.unpinned)))
    assert.deepEqual(await reported(unseen), [])
  })

  it('goes on when tk-sensor-api dies, and reports again when it is back', async () => {
    await sensorApi.kill9()
    const meanwhile = await rig.push({ name: 'rules/meanwhile', layers: [{ bytes: 300_000 }] })
    assert.equal((await pull(meanwhile)).phase, 'completed')
    await sensorApi.restart()
    const ready = async () =>
      /^pulltrace_rule_sensor_ready 1$/m.test(await (await fetch(`${server.metricsUrl}/metrics`)).text())
    await eventually('the next sync', ready, 2 * oneSyncMs)
    const after = await rig.push({ name: 'rules/after', layers: [{ bytes: 310_000 }] })
    await pull(after)
    await eventuallyHolds(async () => assert.ok((await reported(after)).includes(sampleNames.unpinned)))
  })

  it('changes nothing in the stream when tk-sensor-api is down for the whole run', async () => {
    const env = { TK_API_URL: 'http://127.0.0.1:1', TK_API_KEY: sensorApi.key }
    const others = await Promise.all([
      startServer({ reportIntervalMs: 200 }),
      startServer({ reportIntervalMs: 200, env }),
    ])
    const agents = await Promise.all(
      others.map(({ url: serverUrl }) =>
        startAgent({ nodeName: 'node-b', serverUrl, socket: rig.containerd.socket, reportIntervalMs: 200 }),
      ),
    )
    try {
      const told = await Promise.all(others.map(({ url }) => listen(url)))
      const image = await rig.push({ name: 'rules/untouched', layers: [{ bytes: 1_000_000 }] })
      const second = await rig.push({ name: 'rules/second', layers: [{ bytes: 900_000 }] })
      // Slow enough that no agent looks before and after only: it would know of the image, and not of its pull.
      rig.proxy.limit(500_000)
      for (const each of [image, second]) await rig.pull(each)
      rig.proxy.limit(undefined)
      const ends = ({ events }: Told) => events.filter(({ type }) => /completed|failed/.test(type)).length
      await eventually('all ends', () => told.every(each => ends(each) >= 2))
      const [without, down] = told.map(({ events }) => summaryOf(events))
      assert.deepEqual(down, without)
    } finally {
      await Promise.all([...agents, ...others].map(each => each.stop()))
    }
  })
})

interface Told {
  readonly events: PullEvent[]
}

/** Follows the stream of a server for as long as it lives. */
async function listen(url: string): Promise<Told> {
  const events: PullEvent[] = []
  const response = await fetch(`${url}/api/v1/events`)
  const read = async () => {
    let text = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) {
      text += decoder.decode(bytes, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const data = /^data: (\{"schemaVersion".*)$/m.exec(block)?.[1]
        if (data !== undefined) events.push(JSON.parse(data))
      }
    }
  }
  read().catch(() => {})
  return { events }
}

/** Of each pull: its start and its end, all that does not hang on the moment at which an agent looked. */
const summaryOf = (events: readonly PullEvent[]) =>
  events
    .filter(({ type }) => type !== 'pull.progress')
    .map(({ type, pull }) => [
      pull.id,
      type,
      type === 'pull.started' ? '' : pull.phase,
      pull.violations,
      type === 'pull.started' ? undefined : [pull.imageRef, pull.totalBytes, pull.errorCode],
    ])
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
