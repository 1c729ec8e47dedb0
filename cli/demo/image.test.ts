import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { buildImage } from './image.ts'

const sha256 = (data: Buffer | string) => `sha256:${createHash('sha256').update(data).digest('hex')}`
const layers = [
  { name: 'base', bytes: 1_000 },
  { name: 'app', bytes: 20 },
]
const ref = 'registry.example.com:5000/team/app:v1'

describe('buildImage', () => {
  it('makes documents whose digests and sizes are those of their bytes', () => {
    const { index, manifest, config } = buildImage({ ref, layers, index: true, attestations: true })
    for (const document of [index!, manifest, config]) {
      assert.equal(document.digest, sha256(document.bytes))
      assert.equal(document.size, document.bytes.length)
    }
  })

  it('writes layers into the manifest in order, and their diff ids into the config', () => {
    const image = buildImage({ ref, layers })
    const manifest = JSON.parse(image.manifest.bytes.toString())
    const config = JSON.parse(image.config.bytes.toString())
    assert.deepEqual(
      manifest.layers.map((layer: { digest: string; size: number }) => [layer.digest, layer.size]),
      image.layers.map(layer => [layer.digest, layer.size]),
    )
    assert.equal(manifest.config.digest, image.config.digest)
    assert.deepEqual(
      config.rootfs.diff_ids,
      image.layers.map(layer => layer.diffId),
    )
  })

  it('computes chain ids as the OCI image spec says', () => {
    const [base, app] = buildImage({ ref, layers }).layers
    assert.equal(base!.chainId, base!.diffId)
    assert.equal(app!.chainId, sha256(`${base!.diffId} ${app!.diffId}`))
  })

  it('gives equal layers to two images', () => {
    const other = buildImage({ ref: 'registry.example.com/team/other:v1', layers: [layers[0]!] })
    assert.deepEqual(other.layers[0], buildImage({ ref, layers }).layers[0])
  })

  it('leaves the port out of the host', () => {
    const { host, repository } = buildImage({ ref, layers })
    assert.deepEqual([host, repository], ['registry.example.com', 'team/app'])
  })

  it('labels an index with all its manifests, the platform manifest first', () => {
    const { index, manifest, target } = buildImage({ ref, layers, index: true, attestations: true })
    assert.equal(target, index)
    assert.equal(index!.childLabels['containerd.io/gc.ref.content.m.0'], manifest.digest)
    assert.equal(Object.keys(index!.childLabels).length, 3)
  })

  for (const { name, spec, mediaType } of [
    { name: 'gzip', spec: {}, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' },
    { name: 'zstd', spec: { compression: 'zstd' }, mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' },
    {
      name: "Docker's",
      spec: { mediaTypes: 'docker' },
      mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    },
  ] as const) {
    it(`names the media type of ${name} layers`, () => {
      assert.equal(buildImage({ ref, layers, ...spec }).layers[0]!.mediaType, mediaType)
    })
  }
})
