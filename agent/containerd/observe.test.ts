import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { openDemoSocket } from '../../cli/demo/listen.ts'
import { DemoRuntime } from '../../cli/demo/runtime.ts'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import type { PullSource } from '../source.ts'
import { openPullSource } from './observe.ts'

describe('a look at every namespace', () => {
  let folder: string
  let clock: FakeClock
  let runtime: DemoRuntime
  let served: { close(): Promise<void> }
  let source: PullSource
  /** How often the namespaces were asked for. */
  let asked: number
  const image = { ref: 'registry.example.com/team/app:v1', layers: [{ name: 'base', bytes: 4_000_000 }] }
  const seen = async () => (await source.look()).leases.map(({ namespace }) => namespace).sort()

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-observe-'))
    const socket = path.join(folder, 'c.sock')
    // After the socket was made: a pull that began before is taken for dead.
    clock = new FakeClock(Date.now() + 60_000)
    runtime = new DemoRuntime({ clock, seed: 1 })
    // What the demo does at each Namespaces/List, and nowhere else.
    const keys = runtime.namespaces.keys.bind(runtime.namespaces)
    asked = 0
    runtime.namespaces.keys = () => {
      asked++
      return keys()
    }
    served = await openDemoSocket(runtime, socket)
    source = openPullSource({ socket, namespaces: [], clock })
  })
  afterEach(async () => {
    source.close()
    await served.close()
    await rm(folder, { recursive: true })
  })

  it('finds a namespace that is new within a second, and its pulls from then on', async () => {
    runtime.startPull(image, { rate: 1024 * 1024, namespace: 'k8s.io' })
    assert.deepEqual(await seen(), ['k8s.io'])
    runtime.startPull(image, { rate: 1024 * 1024, namespace: 'build' })
    clock.advance(1_000)
    assert.deepEqual(await seen(), ['build', 'k8s.io'])
    clock.advance(10)
    assert.deepEqual(await seen(), ['build', 'k8s.io'])
  })

  it('asks for the namespaces once a second, however often it looks', async () => {
    for (let looks = 0; looks < 20; looks++) {
      await source.look()
      clock.advance(100)
    }
    assert.equal(asked, 2)
  })

  it('tells of a pull that went while another namespace could not be looked at, once', async () => {
    runtime.startPull(image, { rate: 1024 * 1024, namespace: 'k8s.io' })
    const { leases } = runtime.namespace('build')
    assert.deepEqual(await seen(), ['k8s.io'])
    const values = leases.values.bind(leases)
    leases.values = () => {
      throw new Error('its database is locked')
    }
    clock.advance(30_000)
    await assert.rejects(source.look())
    // A look of the other that still went on would be over by then.
    for (let turns = 0; turns < 200; turns++) await setImmediate()
    leases.values = values
    const gone = async () => (await source.look()).gone.map(({ namespace, because }) => [namespace, because])
    assert.deepEqual(await gone(), [['k8s.io', 'deleted']])
    assert.deepEqual(await gone(), [])
  })

  it('takes no pull for dead because the clock was set back after containerd had started', async () => {
    clock.set(-120_000)
    runtime = new DemoRuntime({ clock, seed: 1 })
    await served.close()
    source.close()
    const socket = path.join(folder, 'again.sock')
    served = await openDemoSocket(runtime, socket)
    source = openPullSource({ socket, namespaces: [], clock })
    runtime.startPull(image, { rate: 1024, namespace: 'k8s.io' })
    assert.deepEqual(await seen(), ['k8s.io'])
    clock.advance(90_000)
    assert.deepEqual(await seen(), ['k8s.io'])
  })

  it('finds one although the time of day was set back', async () => {
    assert.deepEqual(await seen(), [])
    runtime.startPull(image, { rate: 1024 * 1024, namespace: 'build' })
    clock.advance(1_000)
    clock.set(-30_000)
    assert.deepEqual(await seen(), ['build'])
  })
})
