import assert from 'node:assert/strict'
import { sha256 } from '../../build/oci/blob.ts'
import { type BuiltImage, buildImage } from './images.ts'
import { type RegistryProxy, startProxy } from './proxy.ts'
import { pushImage } from './push.ts'
import { type Registry, startRegistry } from './registry.ts'

describe('startProxy', function () {
  this.timeout(120_000)

  let registry: Registry
  let image: BuiltImage
  let proxy: RegistryProxy
  before(async () => {
    registry = await startRegistry()
    image = await buildImage({ name: 'team/app', layers: [{ bytes: 400_000 }, { bytes: 1_000 }] })
    await pushImage(registry.host, image)
  })
  after(() => registry.stop())
  beforeEach(async () => {
    proxy = await startProxy(registry.host)
  })
  afterEach(() => proxy.stop())

  const layer = () => image.layers[0]!
  const get = (what: string, headers: Record<string, string> = {}) =>
    fetch(`http://${proxy.host}/v2/${image.name}/${what}`, { headers })
  const getLayer = (headers?: Record<string, string>) => get(`blobs/${layer().digest}`, headers)
  const getManifest = () => get(`manifests/${image.manifestDigest}`, { accept: image.manifests[0]!.mediaType })
  const digestOf = async (response: Response) => sha256(Buffer.from(await response.arrayBuffer()))

  it('hands everything through and logs each byte', async () => {
    assert.equal(await digestOf(await getManifest()), image.manifestDigest)
    assert.equal(await digestOf(await getLayer()), layer().digest)
    assert.equal(proxy.bytesOf(layer().digest), layer().size)
    assert.equal(
      proxy.log.reduce((sum, { bytes }) => sum + bytes, 0),
      layer().size,
    )
    const [, served] = proxy.requests
    assert.equal(served!.kind, 'blob')
    assert.deepEqual([served!.offset, served!.sentBytes, served!.complete], [0, layer().size, true])
  })

  it('serves the rest of a blob and logs where it starts', async () => {
    const response = await getLayer({ range: 'bytes=100000-' })
    assert.equal(response.status, 206)
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), layer().blob.subarray(100_000))
    assert.equal(proxy.requests[0]!.offset, 100_000)
  })

  it('serves the whole blob to who asked for a part, when told to', async () => {
    proxy.blob(layer().digest).ignoreRange()
    const response = await getLayer({ range: 'bytes=100000-' })
    assert.equal(response.status, 200)
    assert.equal(await digestOf(response), layer().digest)
    assert.equal(proxy.requests[0]!.offset, 0)
  })

  it('keeps to its bytes a second', async () => {
    proxy.limit(1_000_000)
    const begun = performance.now()
    await digestOf(await getLayer())
    const seconds = (performance.now() - begun) / 1000
    // The first piece goes at once; a busy machine may only make it slower.
    assert.ok(seconds >= (layer().size - 16_384) / 1_000_000, `took ${seconds} s`)
  })

  it('lets out exactly what is released, and the rest when resumed', async () => {
    const gate = proxy.blob(layer().digest)
    gate.pause()
    const response = await getLayer()
    const reader = response.body!.getReader()
    let got = 0
    const read = async (upTo: number) => {
      while (got < upTo) got += (await reader.read()).value!.byteLength
    }
    gate.release(10)
    await read(10)
    gate.release(99_990)
    await read(100_000)
    assert.equal(got, 100_000)
    assert.equal(proxy.bytesOf(layer().digest), 100_000)
    gate.resume()
    await read(layer().size)
  })

  it('cuts an answer after as many bytes as it was told, as often as it was told', async () => {
    proxy.blob(layer().digest).cutAfter(50_000, 2)
    for (const _ of [1, 2]) await assert.rejects(getLayer().then(response => response.arrayBuffer()))
    assert.equal(await digestOf(await getLayer()), layer().digest)
    assert.deepEqual(
      proxy.requests.map(({ sentBytes, complete }) => [sentBytes, complete]),
      [
        [50_000, false],
        [50_000, false],
        [layer().size, true],
      ],
    )
  })

  it('lies once about a blob and then tells the truth', async () => {
    proxy.blob(layer().digest).corrupt()
    assert.notEqual(await digestOf(await getLayer()), layer().digest)
    assert.equal(await digestOf(await getLayer()), layer().digest)
  })

  it('lies about a byte in the middle, also to who resumes', async () => {
    proxy.blob(layer().digest).corrupt({ at: 200_000 })
    await (await getLayer({ range: 'bytes=300000-' })).arrayBuffer()
    const bytes = Buffer.from(await (await getLayer({ range: 'bytes=100000-' })).arrayBuffer())
    assert.equal(bytes[100_000]! ^ layer().blob[200_000]!, 1)
  })

  it('answers by rule: which, how often, and only after a manifest', async () => {
    const statuses = async () => [(await getManifest()).status, (await getLayer()).status]
    proxy.answer({ status: 429, when: 'manifest', times: 1 })
    const undo = proxy.answer({ status: 500, when: 'blob', afterManifest: true })
    assert.deepEqual(await statuses(), [429, 200])
    assert.deepEqual(await statuses(), [200, 500])
    undo()
    proxy.answer({ status: 404, when: { reference: layer().digest } })
    assert.deepEqual(await statuses(), [200, 404])
  })

  it('holds manifests back until they are let go', async () => {
    const letGo = proxy.holdManifests()
    const first = await Promise.race([getManifest().then(() => 'manifest'), getLayer().then(() => 'layer')])
    assert.equal(first, 'layer')
    const manifest = getManifest()
    letGo()
    assert.equal((await manifest).status, 200)
  })

  it('challenges with a 401', async () => {
    proxy.answer({ status: 401 })
    assert.match((await getManifest()).headers.get('www-authenticate')!, /^Basic /)
  })

  it('refuses connections, drops the open ones and takes new ones again', async () => {
    proxy.blob(layer().digest).release(1_000)
    const cut = getLayer().then(response => response.arrayBuffer())
    await proxy.sent(layer().digest, 1_000)
    await Promise.all([assert.rejects(cut), proxy.refuse()])
    await assert.rejects(getManifest())
    await proxy.accept()
    assert.equal((await getManifest()).status, 200)
  })
})
