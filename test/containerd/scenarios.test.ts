import assert from 'node:assert/strict'
import path from 'node:path'
import type { ReportedPull } from '../../core/contract/agent-report.ts'
import { containerdVersions } from '../rig/containerd.ts'
import type { BuiltImage } from '../rig/images.ts'
import { pullWithCtr } from '../rig/oracle.ts'
import { saveImage, tagImage } from '../rig/push.ts'
import { type Rig, startRig } from '../rig/rig.ts'
import { openWatch, type PullWatch, sumOf } from './watch.ts'

const MiB = 1024 * 1024

for (const version of containerdVersions) {
  describe(`what the agent sees on containerd ${version}`, function () {
    this.timeout(90_000)
    let rig: Rig
    let watch: PullWatch

    before(async () => {
      rig = await startRig({ version })
    })
    after(() => rig?.stop())
    beforeEach(async () => {
      rig.proxy.limit(undefined)
      watch = openWatch(rig.containerd.socket)
      await watch.look()
    })
    afterEach(() => watch.close())

    const activeOf = (image: BuiltImage) => watch.active.find(({ digest }) => digest === image.targetDigest)
    const endOf = (image: BuiltImage) =>
      watch.until(`end of ${image.name}`, () => watch.ended.find(({ digest }) => digest === image.targetDigest))
    const bytesOf = (image: BuiltImage) =>
      watch.until('bytes', () => {
        const pull = activeOf(image)
        return pull && sumOf(pull).downloadedBytes > 0 ? pull : undefined
      })
    /** Of the image's first layer, with half of it let out: however late a look comes, it finds the pull there. */
    const halfway = (image: BuiltImage) => {
      const gate = rig.proxy.blob(image.layers[0]!.digest)
      gate.release(Math.floor(image.layers[0]!.size / 2))
      return gate
    }
    const swallow = (pull: Promise<unknown>) => pull.catch(() => {})
    const summary = ({ phase, imageRef }: ReportedPull) => ({ phase, imageRef })

    for (const spec of [
      { name: 'zstd', compression: 'zstd' },
      { name: 'plain', compression: 'none' },
      { name: 'docker', mediaTypes: 'docker', index: true },
    ] as const) {
      it(`knows the layers of a ${spec.name} image`, async () => {
        rig.proxy.limit(4 * MiB)
        const image = await rig.push({ ...spec, layers: [{ bytes: 2 * MiB }, { bytes: MiB }] })
        const pulled = rig.pull(image)
        const end = await endOf(image)
        await pulled
        assert.deepEqual(summary(end), { phase: 'completed', imageRef: image.ref(rig.proxy.host) })
        assert.deepEqual(
          end.layers.map(({ digest, mediaType, totalBytes }) => ({ digest, mediaType, size: totalBytes })),
          image.layers.map(({ digest, mediaType, size }) => ({ digest, mediaType, size })),
        )
      })
    }

    it('finds a pull that began and ended between two looks, once', async () => {
      const image = await rig.push({ name: 'short', layers: [{ bytes: 1000 }] })
      await rig.pull(image)
      const end = await endOf(image)
      assert.deepEqual(summary(end), { phase: 'completed', imageRef: image.ref(rig.proxy.host) })
      assert.equal(sumOf(end).totalBytes, image.totalBytes)
      for (let n = 0; n < 5; n++) await watch.look()
      assert.equal(watch.ended.length, 1)
    })

    it('does not take a new tag of an old image for a pull', async () => {
      const image = await rig.push({ name: 'tagged', layers: [{ bytes: 1000 }] })
      await rig.pull(image)
      await endOf(image)
      await rig.containerd.ctr(['images', 'tag', image.ref(rig.proxy.host), 'registry.example.com/other:v9'])
      for (let n = 0; n < 5; n++) await watch.look()
      assert.equal(watch.ended.length, 1)
    })

    it('keeps two tags of one repository apart', async () => {
      const image = await rig.push({ name: 'tags', layers: [{ bytes: 2 * MiB }] })
      await tagImage(rig.registry.host, image, 'v2')
      const gate = halfway(image)
      const refs = [image.ref(rig.proxy.host), `${rig.proxy.host}/tags:v2`]
      const pulls = refs.map(ref => rig.containerd.cri.pull(ref))
      await watch.until('both', () => (watch.active.length === 2 ? true : undefined))
      gate.resume()
      await watch.until('both ends', () => (watch.ended.length === 2 ? true : undefined))
      await Promise.all(pulls)
      assert.equal(watch.history.size, 2)
      for (const { phase, imageRef } of watch.ended) {
        assert.equal(phase, 'completed')
        // The tag where it can be told, else none: never the other's.
        assert.ok([...refs, `127.0.0.1/tags@${image.targetDigest}`].includes(imageRef), imageRef)
      }
      const named = watch.ended.map(({ imageRef }) => imageRef).filter(name => refs.includes(name))
      assert.equal(new Set(named).size, named.length)
    })

    it('says that a pull with wrong content failed', async () => {
      const image = await rig.push({ name: 'wrong', layers: [{ bytes: 2 * MiB }, { bytes: MiB }] })
      rig.proxy.blob(image.layers[0]!.digest).corrupt()
      const gate = halfway(image)
      const pulled = swallow(rig.pull(image))
      await watch.until('the pull', () => activeOf(image))
      gate.resume()
      const end = await endOf(image)
      await pulled
      assert.equal(end.phase, 'failed')
      assert.equal(watch.ended.length, 1)
    })

    it('says that a pull which was cancelled while unpacking failed', async () => {
      const image = await rig.push({ name: 'slow', layers: [{ bytes: 4 * MiB, files: 20_000 }] })
      const stop = new AbortController()
      const pulled = swallow(rig.pull(image, stop.signal))
      await watch.until('unpacking', () => (activeOf(image)?.layers[0]?.state === 'unpacking' ? true : undefined))
      stop.abort()
      const end = await endOf(image)
      await pulled
      assert.deepEqual([end.phase, end.error?.message], ['failed', 'the pull ended while it unpacked'])
    })

    it('sees pulls of other clients in other namespaces', async () => {
      const all = openWatch(rig.containerd.socket, [])
      try {
        await all.look()
        rig.proxy.limit(4 * MiB)
        const image = await rig.push({ name: 'by-ctr', layers: [{ bytes: 3 * MiB }] })
        const pulled = pullWithCtr(rig.containerd, image.ref(rig.proxy.host), { namespace: 'other' })
        const end = await all.until('end', () => all.ended.find(({ digest }) => digest === image.targetDigest))
        await pulled
        assert.deepEqual(summary(end), { phase: 'completed', imageRef: image.ref(rig.proxy.host) })
        await watch.look()
        assert.deepEqual([...watch.history], [])
      } finally {
        all.close()
      }
    })

    it('does not take an import for a pull', async () => {
      const image = await rig.push({ name: 'imported', layers: [{ bytes: 4 * MiB, files: 2000 }] })
      const file = path.join(rig.containerd.dir, 'image.tar')
      await saveImage(image, 'registry.example.com/imported:v1', file)
      const imported = rig.containerd.ctr(['images', 'import', file])
      let done = false
      void imported.finally(() => {
        done = true
      })
      await watch.until('end of the import', () => (done ? true : undefined))
      await imported
      for (let n = 0; n < 5; n++) await watch.look()
      // Where the machine is slow its lease stays empty for a second; then it may be shown as one that resolves.
      const named = [...watch.history.values()].flat().filter(({ imageRef }) => imageRef !== '(unresolved)')
      assert.deepEqual(named.map(summary), [])
    })

    it('ends the pulls of a containerd that was killed, and sees their retry as a new one', async () => {
      const image = await rig.push({ name: 'killed', layers: [{ bytes: 4 * MiB }] })
      const gate = halfway(image)
      const first = swallow(rig.pull(image))
      const seen = await watch.until('1 MiB', () => {
        const pull = activeOf(image)
        return pull && sumOf(pull).downloadedBytes >= MiB ? pull : undefined
      })
      await rig.containerd.kill9()
      await first
      await assert.rejects(watch.look(), { code: 'unavailable' })
      await rig.containerd.restart()
      const end = await watch.until('end', () => watch.ended[0])
      assert.deepEqual([end.id, end.phase], [seen.id, 'failed'])
      assert.match(end.error?.message ?? '', /^containerd was restarted: /)

      const late = openWatch(rig.containerd.socket)
      await late.until('look', () => true)
      assert.deepEqual(late.active, [], 'an agent that starts later does not show the dead pull')
      late.close()

      // Its manifest is the dead pull's: one that is over before a look sees it is not told from a new tag.
      const second = rig.pull(image)
      await watch.until('the retry', () => activeOf(image))
      gate.resume()
      const retry = await watch.until('end', () => watch.ended[1])
      await second
      assert.deepEqual(summary(retry), { phase: 'completed', imageRef: image.ref(rig.proxy.host) })
      assert.notEqual(retry.id, seen.id)
    })

    it('goes on after containerd was restarted as systemd does', async () => {
      const image = await rig.push({ name: 'restarted', layers: [{ bytes: 4 * MiB }] })
      halfway(image)
      const first = swallow(rig.pull(image))
      await bytesOf(image)
      await rig.containerd.restart()
      await first
      assert.equal((await endOf(image)).phase, 'failed')
    })
  })
}
