import { createHash } from 'node:crypto'
import { pullIdOf } from '../core/pulls/pull-id.ts'

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

export interface Load {
  readonly nodes: number
  readonly pullsPerNode: number
  readonly layersPerPull: number
}

/** containerd fetches three layers of a pull at once by default; the others wait or are there. */
const moving = 3
const done = 3

/**
 * Bodies of a busy cluster: every pull of every node moves with every report. One
 * template a node, of which only seq, time and offsets are written anew.
 */
export class ReportBodies {
  readonly #templates: readonly (readonly string[])[]

  readonly #stepBytes: number

  /** `stepBytes`: how far each layer moves between two reports; none may be whole (50 MB) before the measurement ends. */
  constructor({ nodes, pullsPerNode, layersPerPull }: Load, stepBytes = 65_536) {
    this.#stepBytes = stepBytes
    this.#templates = Array.from({ length: nodes }, (_, node) =>
      JSON.stringify(reportOf(`node-${node}`, pullsPerNode, layersPerPull)).split('"@"'),
    )
  }

  body(node: number, seq: number): Buffer {
    const parts = this.#templates[node]!
    const values = [JSON.stringify(new Date(1_795_000_000_000 + seq * 2000).toISOString()), seq]
    let text = parts[0]!
    for (let index = 1; index < parts.length; index++)
      text += `${values[index - 1] ?? seq * this.#stepBytes + index}${parts[index]}`
    return Buffer.from(text)
  }
}

function reportOf(nodeName: string, pulls: number, layers: number): unknown {
  return {
    nodeName,
    timestamp: '@',
    agent: { version: '0.1.0', seq: '@', epoch: digestOf(nodeName).slice(7, 23) },
    runtime: { name: 'containerd', version: 'v2.4.2' },
    droppedTerminal: 0,
    pulls: Array.from({ length: pulls }, (_, pull) => ({
      id: pullIdOf(nodeName, 'k8s.io', `lease-${pull}`, '2026-11-21T10:00:00.000000001Z'),
      imageRef: `registry.example.com/team/app-${pull}:v1`,
      repository: `registry.example.com/team/app-${pull}`,
      digest: digestOf(`manifest-${pull}`),
      platform: 'linux/amd64',
      phase: 'downloading',
      startedAt: '2026-11-21T10:00:00Z',
      completedAt: null,
      totalKnown: true,
      error: null,
      layers: Array.from({ length: layers }, (_, layer) => ({
        digest: digestOf(`${pull}/${layer}`),
        mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
        totalBytes: 50_000_000,
        ...(layer < done
          ? { downloadedBytes: 50_000_000, state: 'downloaded' }
          : layer < done + moving
            ? { downloadedBytes: '@', state: 'downloading' }
            : { downloadedBytes: 0, state: 'waiting' }),
        totalKnown: true,
        restarts: 0,
      })),
    })),
  }
}
