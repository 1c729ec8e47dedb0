import assert from 'node:assert/strict'
import type { Pull } from '../../core/contract/pull.ts'
import type { BuiltImage, ImageSpec } from '../rig/images.ts'
import type { Layer } from '../rig/layers.ts'
import { openOracle, pullWithCtr } from '../rig/oracle.ts'
import type { Rig } from '../rig/rig.ts'
import { faultsOf } from './laws.ts'
import type { Call, Recording } from './recording.ts'
import { hasEnded, type Watch } from './watch.ts'

export interface PullOptions {
  readonly signal?: AbortSignal
  /** By `ctr`, in this containerd namespace, instead of by the kubelet's call. */
  readonly ctr?: string
  /** How it may end on the screen; default what really happened: `completed`, or `failed`. */
  readonly ends?: Call['ends']
  /** It may be over before anyone could see it, or nothing is fetched for it. */
  readonly mayBeUnseen?: boolean
  /** When it fails, it may be said that nobody can tell how it ended. */
  readonly mayFailUntold?: boolean
  /** The test removes the image again. */
  readonly removed?: boolean
}

/** One scenario: what is pulled in it, and what each watch says of it. */
export interface Scene {
  readonly rig: Rig
  readonly watches: readonly Watch[]
  push(spec: ImageSpec): Promise<BuiltImage>
  /** Begins a pull; its result is kept, and never rejects. */
  pull(image: BuiltImage, options?: PullOptions): Call
  /** As `pull` for another name of the same image. */
  pullRef(image: BuiltImage, ref: string, options?: PullOptions): Call
  /** Waits until every watch shows a pull of this image (undefined: any pull) for which the condition holds. */
  shows(image: BuiltImage | undefined, what: string, condition: (pull: Pull) => boolean): Promise<void>
  /** Waits until every watch shows bytes of this layer in flight: at least `bytes`, not all of them. */
  showsBytes(image: BuiltImage, layer: Layer, bytes?: number): Promise<void>
  /** All states of this image's pulls that this watch was told, in order. */
  told(watch: Watch, image: BuiltImage): readonly Pull[]
  /** Waits until everything has ended everywhere, then holds every law against all that was said. */
  end(options?: EndOptions): Promise<void>
}

export interface EndOptions {
  /** Layers were fetched more than once: the proxy sent more than their sizes. */
  readonly fetchedAgain?: boolean
}

const limitMs = 20_000

export async function openScene(rig: Rig, watches: readonly Watch[]): Promise<Scene> {
  // A watch that sat out the last scenarios may still have something to say of them.
  for (const watch of watches) await watch.atRest(Date.now(), limitMs)
  const calls: Call[] = []
  const begun = new Map(
    watches.map(watch => [watch, { reports: watch.relay.reports.length, events: watch.stream.events.length }]),
  )
  const logFrom = rig.proxy.log.length
  const recordingOf = async (watch: Watch): Promise<Omit<Recording, 'images'>> => {
    const from = begun.get(watch)!
    return {
      nodeName: watch.nodeName,
      host: rig.proxy.host,
      calls,
      reports: watch.relay.reports.slice(from.reports),
      events: watch.stream.events.slice(from.events),
      missed: watch.missed(from.events),
      wire: rig.proxy.log.slice(logFrom),
      withoutRecord: watch.withoutRecord,
      history: await watch.history(),
      pulls: await watch.pulls(),
    }
  }
  const scene: Scene = {
    rig,
    watches,
    push: spec => rig.push(spec),
    pull: (image, options) => scene.pullRef(image, image.ref(rig.proxy.host), options),
    pullRef(image, ref, { signal, ctr, ends, mayBeUnseen = false, mayFailUntold = false, removed = false } = {}) {
      const call: Call = { image, ref, ctr, startMs: Date.now(), mayBeUnseen, mayFailUntold, removed, ends }
      const over = (error?: Error) => {
        call.endMs = Date.now()
        call.error = error
      }
      const work =
        ctr === undefined
          ? rig.containerd.cri.pull(ref, signal)
          : pullWithCtr(rig.containerd, ref, { namespace: ctr, ...(signal && { signal }) })
      call.done = work.then(() => over(), over)
      calls.push(call)
      return call
    },
    async shows(image, what, condition) {
      for (const watch of watches) {
        const from = begun.get(watch)!.events
        const fits = ({ digest }: Pull) => image === undefined || digest === image.targetDigest
        const found = () => [...watch.shown(from).values()].some(pull => fits(pull) && condition(pull))
        if (await watch.holds(found, limitMs)) continue
        const said = [...watch.shown(from).values()].map(pull => JSON.stringify(pull)).join('\n')
        assert.fail(
          `${watch.nodeName} must show ${what} within ${limitMs} ms; it shows:\n${said}\n${watch.agent.log()}`,
        )
      }
    },
    showsBytes: (image, layer, bytes = 1) =>
      scene.shows(image, `${bytes} bytes of ${layer.digest} in flight`, ({ phase, layers = [] }) => {
        const seen = layers.find(({ digest }) => digest === layer.digest)?.downloadedBytes ?? 0
        return phase === 'downloading' && seen >= bytes && seen < layer.size
      }),
    told: (watch, image) =>
      watch.stream.events
        .slice(begun.get(watch)!.events)
        .flatMap(({ event }) => (event?.pull.digest === image.targetDigest ? [event.pull] : [])),
    async end({ fetchedAgain = false } = {}) {
      await Promise.all(calls.map(({ done }) => done))
      const endedMs = Date.now()
      const expected = calls.filter(({ mayBeUnseen }) => !mayBeUnseen).length
      const faults: string[] = []
      for (const watch of watches) {
        const from = begun.get(watch)!
        const allEnded = () => [...watch.shown(from.events).values()].filter(hasEnded).length >= expected
        const rests = (await watch.holds(allEnded, limitMs)) && (await watch.atRest(endedMs, limitMs))
        if (!rests) faults.push(`${watch.nodeName}: not at rest after ${limitMs} ms; ${stateOf(watch)}`)
        const images = await imagesOf(rig, calls)
        const found = faultsOf({ ...(await recordingOf(watch)), images }, { fetchedAgain })
        faults.push(...found.map(fault => `${watch.nodeName}: ${fault}`))
      }
      assert.equal(faults.join('\n'), '')
    },
  }
  return scene
}

/** For whoever looks for the reason. */
function stateOf({ relay, agent, server, stream }: Watch): string {
  const last = relay.reports.at(-1)
  const ago = (ms = 0) => `${Date.now() - ms} ms ago`
  const tail = (log: string) => log.trim().split('\n').slice(-4).join('\n')
  return [
    `last report ${ago(last?.atMs)} (${last?.status}, ${last?.report.pulls.length} pulls), event ${ago(stream.events.at(-1)?.atMs)}`,
    `agent: ${tail(agent.log())}`,
    `server: ${tail(server.log())}`,
  ].join('\n')
}

/** What `ctr images ls` says now, by containerd namespace. */
async function imagesOf(rig: Rig, calls: readonly Call[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const names = new Set(calls.map(({ ctr = 'k8s.io' }) => ctr))
  return new Map(
    await Promise.all([...names].map(async name => [name, await openOracle(rig.containerd, name).images()] as const)),
  )
}
