import { containerdVersions } from '../rig/containerd.ts'
import type { ContainerdVersion } from '../rig/containerd-config.ts'
import { type Rig, startRig } from '../rig/rig.ts'
import { openScene, type Scene } from './scene.ts'
import { startWatch, type Watch } from './watch.ts'

/** How often the agents look where a scenario does not say. Milliseconds. */
const usualIntervals: readonly number[] = [250]

interface Scenario {
  /** Several: as many agents and servers look at the same pulls. */
  readonly intervalsMs?: readonly number[]
  readonly limitMs?: number
}

export interface World {
  readonly version: ContainerdVersion
  scenario(title: string, play: (scene: Scene) => Promise<void>, options?: Scenario): void
}

/** Scenarios on each containerd: one registry, one proxy and one containerd for all, watches as they are needed. */
export function describeScenarios(title: string, define: (world: World) => void): void {
  for (const version of containerdVersions) {
    describe(`${title}, containerd ${version}`, function () {
      this.timeout(60_000)

      let rig: Rig
      const watches = new Map<number, Watch>()
      before(async () => {
        rig = await startRig({ version })
      })
      after(async () => {
        await Promise.all([...watches.values()].map(watch => watch.stop()))
        await rig?.stop()
      })
      afterEach(async () => {
        // Whatever a scenario that failed has left.
        rig.proxy.limit(undefined)
        rig.proxy.resume()
        await rig.proxy.accept()
        for (const watch of watches.values()) watch.relay.mode = 'pass'
      })
      define({
        version,
        scenario(name, play, { intervalsMs = usualIntervals, limitMs = 60_000 } = {}) {
          const every = intervalsMs === usualIntervals ? '' : ` (agents look each ${intervalsMs.join(' and ')} ms)`
          it(`${name}${every}`, async () => {
            const asked: Watch[] = []
            for (const intervalMs of intervalsMs) {
              const watch = watches.get(intervalMs) ?? (await startWatch(rig, intervalMs))
              watches.set(intervalMs, watch)
              asked.push(watch)
            }
            await play(await openScene(rig, asked))
          }).timeout(limitMs)
        },
      })
    })
  }
}
