import assert from 'node:assert/strict'
import { buildLayer } from '../rig/layers.ts'
import { describeScenarios } from './world.ts'

const megabyte = 1_000_000
/** containerd tells an offset each MiB; more than two of them make a layer that is seen to grow. */
const seenBytes = 3 * megabyte

describeScenarios('pulls that go well', ({ version, scenario }) => {
  scenario(
    'two images at once that share a layer',
    async scene => {
      const { proxy } = scene.rig
      const shared = await buildLayer({ bytes: seenBytes, seed: `shared-${version}` })
      const a = await scene.push({ name: 'two/a', layers: [shared, { bytes: megabyte }] })
      const b = await scene.push({ name: 'two/b', layers: [shared, { bytes: megabyte }] })
      proxy.blob(shared.digest).release(1.5 * megabyte)
      scene.pull(a)
      scene.pull(b)
      for (const image of [a, b]) {
        const grows = (bytes = 0) => bytes >= 1024 * 1024 && bytes < shared.size
        await scene.shows(image, 'the shared layer grow', ({ layers = [] }) =>
          layers.some(({ digest, downloadedBytes }) => digest === shared.digest && grows(downloadedBytes)),
        )
      }
      proxy.blob(shared.digest).resume()
      await scene.end()
      assert.equal(proxy.bytesOf(shared.digest), shared.size)
    },
    { intervalsMs: [100, 2000] },
  )
})
