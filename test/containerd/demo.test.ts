import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { openPullSource } from '../../agent/containerd/observe.ts'
import { noPulls, stepPulls } from '../../agent/pulls.ts'
import type { PullSource } from '../../agent/source.ts'
import { openDemoSocket } from '../../cli/demo/listen.ts'
import type { DemoPull } from '../../cli/demo/pull.ts'
import { DemoRuntime } from '../../cli/demo/runtime.ts'
import { playScenario } from '../../cli/demo/scenario.ts'
import type { ReportedPull } from '../../core/contract/agent-report.ts'
import { FakeClock } from '../../core/lib/clock.fake.ts'
import { systemClock } from '../../core/lib/clock.ts'
import { findProgram } from '../rig/programs.ts'
import { describeContainerd } from './conformance.ts'

describeContainerd('the demo runtime', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-demo-'))
  const socket = path.join(folder, 'demo.sock')
  const runtime = new DemoRuntime({ clock: systemClock, seed: 1 })
  const served = await openDemoSocket(runtime, socket)
  const tick = setInterval(() => runtime.advance(), 20)
  return {
    socket,
    namespace: 'k8s.io',
    async start({ name, ...image }) {
      const ref = `registry.example.com/${name}`
      const pull = runtime.startPull({ ref, ...image }, { rate: 2 * 1024 * 1024 })
      const layers = pull.image.layers
      return {
        imageRef: ref,
        digest: pull.image.target.digest,
        layerDigests: layers.map(({ digest }) => digest),
        totalBytes: layers.reduce((bytes, { size }) => bytes + size, 0),
        cancel: () => pull.cancel(),
        ended: pull.done.then(() => {}),
      }
    },
    async close() {
      clearInterval(tick)
      await served.close()
      await rm(folder, { recursive: true })
    },
  }
})

const roundSeconds = 118

/** The real agent's eyes on the demo runtime, on one clock that the test moves. */
describe('the demo runtime, read by programs', () => {
  let folder: string
  let socket: string
  let clock: FakeClock
  let runtime: DemoRuntime
  let served: { close(): Promise<void> }
  let source: PullSource

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'pulltrace-demo-'))
    socket = path.join(folder, 'demo.sock')
    // The agent takes leases older than the socket file for left-overs of an earlier containerd.
    clock = new FakeClock(Date.now() + 1_000)
    runtime = new DemoRuntime({ clock, seed: 1 })
    served = await openDemoSocket(runtime, socket)
    source = openPullSource({ socket, namespaces: [], clock })
  })
  afterEach(async () => {
    source.close()
    await served.close()
    await rm(folder, { recursive: true })
  })

  it('shows the agent every pull of a round once, whole, and as it truly ends', async function () {
    this.timeout(60_000)
    playScenario(runtime)
    const truth = new Map<string, DemoPull>()
    const looks = new Map<string, ReportedPull[]>()
    const ends: ReportedPull[] = []
    let state = noPulls
    for (let ms = 0; ms < roundSeconds * 1000; ms += 250) {
      clock.advance(250)
      const look = await source.look()
      for (const pull of runtime.pulls) truth.set(pull.lease.id, pull)
      const step = stepPulls('node-a', state, look)
      state = step.state
      ends.push(...step.ended)
      for (const pull of step.active) looks.set(pull.id, [...(looks.get(pull.id) ?? []), pull])
    }

    const endOf = (pull: { outcome: string | undefined }) => (pull.outcome === 'completed' ? 'completed' : 'failed')
    const nameOf = (pull: DemoPull) => {
      const { ref, host, repository, target } = pull.image
      return pull.outcome === 'completed' ? ref : `${host}/${repository}@${target.digest}`
    }
    const ended = [...truth.values()].filter(pull => pull.outcome)
    assert.deepEqual(
      ends.map(({ imageRef, phase, digest }) => [imageRef, phase, digest]).sort(),
      ended.map(pull => [nameOf(pull), endOf(pull), pull.image.target.digest]).sort(),
    )
    assert.equal(new Set(ends.map(({ id }) => id)).size, ends.length)
    for (const pull of ends) checkHistory(looks.get(pull.id) ?? [], pull)
    checkKinds(ends, looks)
  })

  it('shows a pull that fetches nothing up front as lazy, and one whose layer starts again with its restarts', async () => {
    const layers = [
      { name: 'base', bytes: 3_000_000 },
      { name: 'app', bytes: 2_000_000 },
    ]
    runtime.startPull(
      { ref: 'registry.example.com/team/lazy:v1', layers },
      { rate: 1, unpackRate: 350_000, remote: true, namespace: 'lazy' },
    )
    const plain = runtime.startPull(
      { ref: 'registry.example.com/team/plain:v1', layers },
      { rate: 500_000, stepBytes: 1 },
    )
    // No event tells of a snapshot that a remote snapshotter had, so these stay long enough to be looked up.
    let state = noPulls
    const seen: ReportedPull[] = []
    for (let ms = 0; ms < 18_000; ms += 100) {
      clock.advance(100)
      if (ms === 4_000) plain.restartLayer(plain.image.layers[0]!.digest)
      const step = stepPulls('node-a', state, await source.look())
      state = step.state
      seen.push(...step.active, ...step.ended)
    }
    const of = (name: string) => seen.filter(pull => pull.imageRef.includes(`/${name}`))
    assert.ok(of('team/lazy').some(({ phase }) => phase === 'lazy'))
    assert.equal(of('team/lazy').at(-1)?.phase, 'completed')
    assert.equal(of('team/plain').at(-1)?.phase, 'completed')
    assert.deepEqual(
      of('team/plain')
        .at(-1)
        ?.layers.map(({ restarts }) => restarts),
      [1, 0],
    )
  })

  it("is read by containerd's own client", async function () {
    this.timeout(120_000)
    const { image } = runtime.startPull(
      { ref: 'registry.example.com/team/app:v1', layers: [{ name: 'base', bytes: 1_500_000 }], attestations: true },
      { rate: 1_000_000, stepBytes: 1_000 },
    )
    clock.advance(1_000)
    const run = promisify(execFile)
    const program = await findProgram('ctr-1.6')
    const ctr = async (...args: string[]) =>
      (await run(program, ['--address', socket, '--namespace', 'k8s.io', ...args])).stdout
    assert.match(await ctr('leases', 'ls'), /^\d+-[\w-]{4} .* containerd\.io\/gc\.expire=/m)
    assert.match(await ctr('content', 'active'), new RegExp(`^layer-${image.layers[0]!.digest}\\s+\\d{3}.*kB`, 'm'))
    assert.match(await ctr('snapshots', 'ls'), new RegExp(`^extract-\\S+ ${image.layers[0]!.chainId}\\s+Active`, 'm'))
    clock.advance(5_000)
    const images = await ctr('images', 'ls')
    // ctr reads index, manifest and config for the size and the platform.
    assert.match(images, new RegExp(`^${image.ref}\\s+\\S+ ${image.target.digest} 1\\.4 MiB\\s+linux/`, 'm'))
    assert.match(await ctr('snapshots', 'ls'), new RegExp(`^${image.layers[0]!.chainId}\\s+Committed`, 'm'))
    assert.equal(await ctr('content', 'get', image.config.digest), image.config.bytes.toString())
  })
})

const sum = (pull: ReportedPull, key: 'totalBytes' | 'downloadedBytes') =>
  pull.layers.reduce((bytes, layer) => bytes + layer[key], 0)

/** Once a total is known it stays; bytes never fall; a completed pull has all of them. */
function checkHistory(looks: readonly ReportedPull[], end: ReportedPull): void {
  const known = [...looks.filter(({ totalKnown }) => totalKnown), end]
  for (const [i, pull] of known.entries()) {
    const before = known[i - 1] ?? pull
    assert.equal(sum(pull, 'totalBytes'), sum(before, 'totalBytes'), pull.imageRef)
    assert.ok(sum(pull, 'downloadedBytes') >= sum(before, 'downloadedBytes'), pull.imageRef)
  }
  if (end.phase === 'completed') assert.equal(sum(end, 'downloadedBytes'), sum(end, 'totalBytes'))
  else assert.ok(sum(end, 'downloadedBytes') < sum(end, 'totalBytes'))
}

/** Every kind of pull that the demo promises is there to be seen. */
function checkKinds(ends: readonly ReportedPull[], looks: ReadonlyMap<string, readonly ReportedPull[]>): void {
  const of = (repository: string) => ends.filter(pull => pull.imageRef.includes(`/${repository}`))
  const shared = of('shop/api')[0]!.layers.filter(({ digest }) =>
    of('shop/web')[0]!.layers.some(layer => layer.digest === digest),
  )
  assert.equal(shared.length, 3)
  assert.deepEqual(
    of('shop/web')[1]!.layers.map(({ state }) => state),
    ['cached', 'cached', 'cached', 'cached', 'done'],
  )
  const [huge] = of('ml/embedder')
  assert.ok(sum(huge!, 'totalBytes') > 1.15e9 && Math.max(...huge!.layers.map(l => l.totalBytes)) > 1e9)
  const [slow] = of('library/toolchain')
  const phases = looks.get(slow!.id)!.map(({ phase }) => phase)
  assert.ok(
    phases.filter(phase => phase === 'unpacking').length > phases.filter(phase => phase === 'downloading').length,
  )
  assert.ok(of('data/stream')[0]!.layers.every(({ mediaType }) => mediaType?.endsWith('+zstd')))
  assert.deepEqual(
    of('acme/reports').map(({ phase }) => phase),
    ['failed', 'completed'],
  )
}
