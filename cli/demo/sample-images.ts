import type { ImageSpec, LayerSpec } from './image.ts'

const layer = (name: string, megabytes: number): LayerSpec => ({
  name,
  bytes: Math.round(megabytes * 1e6) + name.length,
})

/** What the web app and the API both stand on. */
const base = [layer('debian-12', 29.1), layer('ca-certificates', 3.4), layer('node-24', 48.7)]

/** A later round of the demo brings the next release: its own layers are new, the base is not. */
export const web = (round: number, patch = 0): ImageSpec => ({
  ref: `registry.example.com/shop/web:v2.${14 + round}.${patch}`,
  layers: [...base, layer(`web-modules-${round}`, 38.2), layer(`web-app-${round}.${patch}`, 6.3)],
})

export const api = (round: number): ImageSpec => ({
  ref: `registry.example.com/shop/api:v1.${9 + round}.0`,
  layers: [...base, layer(`api-modules-${round}`, 21.9), layer(`api-app-${round}`, 3.1)],
})

export const machineLearning = (round: number): ImageSpec => ({
  ref: `registry.example.com/ml/embedder:2026.11-r${round + 1}`,
  layers: [
    layer('ubuntu-24.04', 30.4),
    layer('python-3.13', 52.8),
    layer(`weights-${round}`, 1_050),
    layer('tokenizer', 61.5),
    layer(`embedder-${round}`, 5.2),
  ],
})

/** Small to fetch, long to unpack: very many files. */
export const toolchain = (round: number): ImageSpec => ({
  ref: `mirror.example.net/library/toolchain:21.${round}`,
  mediaTypes: 'docker',
  layers: [layer('alpine-3.22', 3.6), layer(`toolchain-${round}`, 84.1), layer(`headers-${round}`, 12.7)],
})

export const reports = (round: number): ImageSpec => ({
  ref: `hub.example.org/acme/reports:1.9.${round + 3}`,
  mediaTypes: 'docker',
  layers: [layer('distroless', 9.8), layer(`reports-lib-${round}`, 46.4), layer(`reports-${round}`, 17.5)],
})

export const stream = (round: number): ImageSpec => ({
  ref: `registry.example.com/data/stream:0.${round + 8}`,
  compression: 'zstd',
  layers: [layer('fedora-minimal', 36.6), layer('jre-25', 58.9), layer(`stream-${round}`, 22.4)],
})

/** As BuildKit pushes it: an index of two processors, with attestations. */
export const scanner = (round: number): ImageSpec => ({
  ref: `hub.example.org/tools/scanner:4.${round}`,
  index: true,
  attestations: true,
  layers: [layer('scratch-certs', 0.3), layer(`scanner-${round}`, 31.2), layer(`signatures-${round}`, 74.9)],
})
