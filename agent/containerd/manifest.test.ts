import assert from 'node:assert/strict'
import fc from 'fast-check'
import { digestOf } from '../build.fake.ts'
import { chainIdsOf, parseImageDocument } from './manifest.ts'

const parse = (value: unknown) =>
  parseImageDocument(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
const descriptor = { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd', digest: digestOf('a'), size: 5 }

describe('parseImageDocument', () => {
  it('reads a manifest, OCI or Docker, by its shape', () => {
    const manifest = { schemaVersion: 2, config: { digest: digestOf('c'), size: 1 }, layers: [descriptor] }
    const expected = {
      kind: 'manifest',
      configDigest: digestOf('c'),
      layers: [{ digest: digestOf('a'), mediaType: descriptor.mediaType, sizeBytes: 5 }],
    }
    assert.deepEqual(parse(manifest), expected)
    assert.deepEqual(
      parse({ ...manifest, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' }),
      expected,
    )
  })

  it('reads an index, and tells attestations by annotation or platform', () => {
    const entries = [
      { digest: digestOf('a'), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
      { digest: digestOf('b'), platform: { os: 'unknown', architecture: 'unknown' } },
      { digest: digestOf('c'), annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
      { digest: digestOf('d') },
    ]
    assert.deepEqual(parse({ manifests: entries }), {
      kind: 'index',
      manifests: [
        { digest: digestOf('a'), platform: 'linux/arm64/v8', attestation: false },
        { digest: digestOf('b'), platform: 'unknown/unknown', attestation: true },
        { digest: digestOf('c'), platform: undefined, attestation: true },
        { digest: digestOf('d'), platform: undefined, attestation: false },
      ],
    })
  })

  it('reads a config', () => {
    const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: ['sha256:1'] } }
    assert.deepEqual(parse(config), { kind: 'config', platform: 'linux/amd64', diffIds: ['sha256:1'] })
  })

  for (const { name, value } of [
    { name: 'bytes of a layer', value: '\x1f\x8b\x08\x00' },
    { name: 'half a document', value: '{"layers":[' },
    { name: 'a list', value: [] },
    { name: 'a manifest with a layer without size', value: { config: { digest: 'x' }, layers: [{ digest: 'y' }] } },
    {
      name: 'a manifest with a negative size',
      value: { config: { digest: 'x' }, layers: [{ digest: 'y', size: -1 }] },
    },
    { name: 'a config with wrong diff ids', value: { rootfs: { diff_ids: [1] } } },
  ]) {
    it(`refuses ${name}`, () => assert.equal(parse(value), undefined))
  }

  it('never throws, whatever the blob holds', () => {
    fc.assert(fc.property(fc.json(), text => void parse(text)))
    fc.assert(fc.property(fc.uint8Array(), bytes => void parseImageDocument(bytes)))
  })
})

describe('chainIdsOf', () => {
  it('hashes each layer onto the one below', () => {
    const [a, b] = ['sha256:aa', 'sha256:bb']
    // printf 'sha256:aa sha256:bb' | sha256sum
    assert.deepEqual(chainIdsOf([a!, b!]), [
      a,
      'sha256:b68ad689d6d1ec110ea1c13617437ad6f3766d4b3b309f6a603a222e07a0164f',
    ])
    assert.deepEqual(chainIdsOf([]), [])
  })
})
