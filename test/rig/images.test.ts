import assert from 'node:assert/strict'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { sha256 } from '../../build/oci/blob.ts'
import { buildImage } from './images.ts'
import { buildLayer, chainIdsOf } from './layers.ts'

describe('buildLayer', () => {
  for (const [compression, plain] of [
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
    ['none', (blob: Buffer) => blob],
  ] as const) {
    it(`knows the digests of a layer of compression '${compression}'`, async () => {
      const layer = await buildLayer({ bytes: 10_000, compression })
      assert.equal(sha256(layer.blob), layer.digest)
      assert.equal(sha256(plain(layer.blob)), layer.diffId)
      assert.equal(layer.blob.byteLength, layer.size)
    })
  }

  it('makes the same bytes from the same seed, and others from another', async () => {
    const spec = { bytes: 1_000, seed: 'a' }
    const [once, twice, other] = await Promise.all([spec, spec, { ...spec, seed: 'b' }].map(buildLayer))
    assert.equal(once!.digest, twice!.digest)
    assert.notEqual(once!.digest, other!.digest)
  })
})

describe('buildImage', () => {
  it('shares a layer that two images were given', async () => {
    const shared = await buildLayer({ bytes: 1_000 })
    const [a, b] = await Promise.all(['a', 'b'].map(name => buildImage({ name, layers: [shared, { bytes: 2_000 }] })))
    assert.equal(a!.layers[0]!.digest, b!.layers[0]!.digest)
    assert.notEqual(a!.layers[1]!.digest, b!.layers[1]!.digest)
  })

  it('counts a layer that is there twice once', async () => {
    const layer = await buildLayer({ bytes: 1_000 })
    const image = await buildImage({ name: 'twice', layers: [layer, layer] })
    assert.equal(image.totalBytes, layer.size)
    assert.equal(new Set(image.chainIds).size, 2)
  })

  it('points its tag to the index when there is one', async () => {
    const plain = await buildImage({ name: 'plain', layers: [{ bytes: 10 }] })
    const indexed = await buildImage({ name: 'indexed', layers: [{ bytes: 10 }], index: true, attestations: true })
    assert.equal(plain.targetDigest, plain.manifestDigest)
    assert.equal(indexed.targetDigest, indexed.indexDigest)
    const index = JSON.parse(indexed.manifests.at(-1)!.bytes.toString())
    assert.equal(index.manifests.length, 3)
    assert.equal(index.manifests[0].digest, indexed.manifestDigest)
  })
})

describe('chainIdsOf', () => {
  it('chains each layer to all below it', () => {
    const [a, b] = [sha256('a'), sha256('b')]
    assert.deepEqual(chainIdsOf([]), [])
    assert.deepEqual(chainIdsOf([a, b]), [a, sha256(`${a} ${b}`)])
  })
})
