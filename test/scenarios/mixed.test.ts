import { setTimeout as delay } from 'node:timers/promises'
import { sha256 } from '../../build/oci/blob.ts'
import { buildLayer, type Layer } from '../rig/layers.ts'
import { megabyte } from './sizes.ts'
import { describeScenarios } from './world.ts'

/** Each seed is another mixture; what failed is played again by its number. */
const seeds = process.env['SOAK'] === '1' ? Array.from({ length: 20 }, (_, i) => i + 1) : [1, 3]

/** Numbers from 0 to 1, the same for the same seed. */
function randomOf(seed: string): () => number {
  let count = 0
  return () => Number.parseInt(sha256(`${seed}/${count++}`).slice(7, 15), 16) / 2 ** 32
}

describeScenarios('many pulls that share, stop and meet with faults at once', ({ version, scenario }) => {
  for (const seed of seeds) {
    scenario(
      `mixture ${seed}`,
      async scene => {
        const random = randomOf(`${version}/${seed}`)
        const below = (n: number) => Math.floor(random() * n)
        const { proxy } = scene.rig
        const layers: Layer[] = []
        for (let i = 0; i < 6; i++) {
          layers.push(await buildLayer({ bytes: 200_000 + below(3 * megabyte), seed: `mix/${version}/${seed}/${i}` }))
        }
        const names = Array.from({ length: 12 }, (_, i) => `mix-${seed}/app-${i}`)
        const images = []
        for (const name of names) {
          const own = layers.filter(() => random() < 0.4)
          images.push(await scene.push({ name, layers: [...own, { bytes: 50_000 + below(400_000) }] }))
        }
        proxy.limit(4 * megabyte)
        for (const { digest } of layers) if (random() < 0.5) proxy.blob(digest).cutAfter(below(megabyte), 1 + below(2))
        const broken = images[below(images.length)]!.layers.at(-1)!
        proxy.answer({ status: 500, when: { reference: broken.digest } })

        for (const image of images) {
          const stop = new AbortController()
          // What a cancelled pull left may be completed by another, or looked for by a new agent: then nobody can tell.
          const cancelled = random() < 0.3
          // One that is cancelled or refused at once may be over before anyone looks.
          const mayBeUnseen = cancelled || image.layers.includes(broken)
          scene.pull(image, { signal: stop.signal, mayFailUntold: true, mayBeUnseen })
          if (cancelled) void delay(below(2500)).then(() => stop.abort())
          await delay(below(500))
          const act = below(10)
          for (const watch of scene.watches) {
            // A pull that neither the agent nor the server has told the other of dies with the one that is killed.
            if (act < 2) await watch.tellsAll()
            if (act === 0) await watch.agent.kill9().then(() => watch.agent.restart())
            if (act === 1) await watch.server.kill9().then(() => watch.server.restart())
          }
        }
        await scene.end({ fetchedAgain: true })
      },
      { limitMs: 90_000 },
    )
  }
})
