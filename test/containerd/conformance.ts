import assert from 'node:assert/strict'
import type { ReportedPull } from '../../core/contract/agent-report.ts'
import { openWatch, type PullWatch, sumOf } from './watch.ts'

export interface ImageToPull {
  /** Repository and tag, without the host: `team/app:v1`. */
  readonly name: string
  /** Equal name and bytes are one layer, in whatever images they stand. */
  readonly layers: readonly { readonly name: string; readonly bytes: number }[]
  readonly index?: boolean
  readonly attestations?: boolean
}

export interface StartedPull {
  /** As the image record will be called. */
  readonly imageRef: string
  /** What the tag points to. */
  readonly digest: string
  readonly layerDigests: readonly string[]
  /** Compressed, over distinct layers. */
  readonly totalBytes: number
  cancel(): void
  /** Resolves when it is over, well or not. */
  readonly ended: Promise<void>
}

/** A containerd API, and someone who pulls through it. */
export interface RuntimeUnderTest {
  readonly socket: string
  /** containerd namespace of the pulls. */
  readonly namespace: string
  /** Begins a pull of about 2 MiB a second that goes on by itself. */
  start(image: ImageToPull): Promise<StartedPull>
  close(): Promise<void>
}

const MiB = 1024 * 1024

/** What anything that speaks containerd's API must show through the agent's client. */
export function describeContainerd(name: string, open: () => Promise<RuntimeUnderTest>): void {
  describe(`the pulls of ${name}`, function () {
    this.timeout(60_000)
    let runtime: RuntimeUnderTest
    let watch: PullWatch

    before(async () => {
      runtime = await open()
    })
    after(() => runtime?.close())
    beforeEach(async () => {
      watch = openWatch(runtime.socket, [runtime.namespace])
      await watch.look()
    })
    afterEach(() => watch.close())

    const activeOf = (pull: StartedPull) => watch.active.find(({ digest }) => digest === pull.digest)
    const endOf = (pull: StartedPull) =>
      watch.until(`end of ${pull.imageRef}`, () => watch.ended.find(({ digest }) => digest === pull.digest))
    const statesOf = (pull: ReportedPull) => pull.layers.map(({ state }) => state)

    it('shows nothing while nothing is pulled', async () => {
      assert.deepEqual([...watch.active, ...watch.ended], [])
    })

    it('shows one pull from its first bytes to its end', async () => {
      // Bytes show after a second at the latest, and are on their way for two more: no look is that late.
      const layers = [
        { name: 'one/a', bytes: 4 * MiB },
        { name: 'one/b', bytes: 2 * MiB },
      ]
      const pull = await runtime.start({ name: 'team/one:v1', layers })
      const early = await watch.until('bytes', () => {
        const seen = activeOf(pull)
        return seen && sumOf(seen).downloadedBytes > 0 ? seen : undefined
      })
      assert.equal(early.phase, 'downloading')
      assert.equal(early.totalKnown, true)
      assert.equal(sumOf(early).totalBytes, pull.totalBytes)
      assert.deepEqual(
        early.layers.map(({ digest }) => digest),
        pull.layerDigests,
      )
      assert.match(early.imageRef, /\/team\/one@sha256:/)

      const end = await endOf(pull)
      assert.equal(end.phase, 'completed')
      assert.equal(end.imageRef, pull.imageRef)
      assert.equal(sumOf(end).downloadedBytes, pull.totalBytes)
      assert.deepEqual(new Set(statesOf(end)), new Set(['done']))
      await pull.ended
      await watch.look()
      assert.equal(watch.history.size, 1)
      assert.equal(watch.ended.length, 1)
    })

    it('keeps two pulls that share a layer apart', async () => {
      const shared = { name: 'two/shared', bytes: 3 * MiB }
      const [one, other] = await Promise.all([
        runtime.start({ name: 'team/left:v1', layers: [shared, { name: 'two/left', bytes: MiB }] }),
        runtime.start({ name: 'team/right:v1', layers: [shared, { name: 'two/right', bytes: MiB }] }),
      ])
      await watch.until('both', () => (activeOf(one) && activeOf(other) ? true : undefined))
      for (const pull of [one, other]) {
        const end = await endOf(pull)
        assert.equal(end.phase, 'completed')
        assert.equal(end.imageRef, pull.imageRef)
        assert.equal(sumOf(end).totalBytes, pull.totalBytes)
        assert.ok(!statesOf(end).includes('cached'), 'what came while it ran was not there before')
      }
      assert.equal(watch.history.size, 2)
    })

    it('says which layers were there before', async () => {
      const base = { name: 'three/base', bytes: MiB }
      const first = await runtime.start({ name: 'team/base:v1', layers: [base] })
      await endOf(first)
      await first.ended
      const second = await runtime.start({ name: 'team/app:v1', layers: [base, { name: 'three/app', bytes: 2 * MiB }] })
      const end = await endOf(second)
      assert.deepEqual(statesOf(end), ['cached', 'done'])
      const states = watch.history
        .get(end.id)!
        .filter(({ totalKnown }) => totalKnown)
        .map(pull => statesOf(pull)[0])
      assert.deepEqual(new Set(states), new Set(['cached']))
    })

    it('looks through an index, past its attestations', async () => {
      const layers = [{ name: 'four/a', bytes: 2 * MiB }]
      const pull = await runtime.start({ name: 'team/index:v1', layers, index: true, attestations: true })
      const end = await endOf(pull)
      assert.equal(end.phase, 'completed')
      assert.equal(end.digest, pull.digest)
      assert.match(end.platform ?? '', /^linux\//)
      assert.deepEqual(
        end.layers.map(({ digest }) => digest),
        pull.layerDigests,
      )
    })

    it('never says that a cancelled pull completed', async () => {
      const layers = [
        { name: 'five/a', bytes: 4 * MiB },
        { name: 'five/b', bytes: 4 * MiB },
      ]
      const pull = await runtime.start({ name: 'team/cancelled:v1', layers })
      await watch.until('bytes', () => (activeOf(pull) && sumOf(activeOf(pull)!).downloadedBytes) || undefined)
      pull.cancel()
      const end = await endOf(pull)
      assert.equal(end.phase, 'failed')
      assert.match(end.error?.message ?? '', /before all of its content was there/)
      assert.equal(watch.ended.length, 1)
    })
  })
}
