import { createHash, randomUUID } from 'node:crypto'

const registry = 'registry.example.com'

interface ScriptedPull {
  readonly id: string
  readonly imageRef: string
  readonly phase: string
  readonly layers: readonly object[]
  readonly completedAt?: string
  readonly error?: object
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
const digestOf = (text: string) => `sha256:${hashOf(text)}`

/** 26 characters as an agent makes them, from any words. */
export const idOf = (text: string): string =>
  [...hashOf(text)]
    .slice(0, 26)
    .map(digit => 'abcdefghijklmnop'[Number.parseInt(digit, 16)])
    .join('')

const mebibyte = 1024 * 1024

/** One pull of a script: `percent` of its layers downloaded, in a state that fits the phase. */
export function pull(
  name: string,
  imageRef: string,
  phase: string,
  percent: number,
  more: { readonly error?: object; readonly cached?: number; readonly startedAgoMs?: number } = {},
): ScriptedPull & { readonly startedAt: string; readonly totalKnown: boolean } {
  const sizes = [180, 62, 31, 4].map(size => size * mebibyte)
  const ended = phase === 'completed' || phase === 'failed'
  const layers = sizes.map((totalBytes, index) => {
    const cached = index < (more.cached ?? 0)
    const done = cached || phase === 'completed'
    const downloadedBytes = done || phase === 'unpacking' ? totalBytes : Math.floor((totalBytes * percent) / 100)
    const state = cached
      ? 'cached'
      : done
        ? 'done'
        : phase === 'unpacking' && index === 0
          ? 'unpacking'
          : phase === 'unpacking'
            ? 'downloaded'
            : 'downloading'
    return { digest: digestOf(`${imageRef}${index}`), totalBytes, downloadedBytes, totalKnown: true, state }
  })
  const startedAt = new Date(Date.now() - (more.startedAgoMs ?? 20_000)).toISOString()
  return {
    id: idOf(name),
    imageRef,
    phase,
    startedAt,
    totalKnown: phase !== 'resolving',
    layers: phase === 'resolving' ? [] : layers,
    ...(ended && { completedAt: new Date().toISOString() }),
    ...(more.error !== undefined && { error: more.error }),
  }
}

/** The agent of one node, whose reports a test writes. */
export class ScriptedAgent {
  readonly nodeName: string
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #epoch = randomUUID()
  #seq = 0

  constructor(url: string, nodeName: string, token?: string) {
    this.#url = url
    this.nodeName = nodeName
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  }

  async report(pulls: readonly object[]): Promise<void> {
    const body = {
      nodeName: this.nodeName,
      timestamp: new Date().toISOString(),
      agent: { version: '0.1.0', epoch: this.#epoch, seq: ++this.#seq },
      runtime: { name: 'containerd', version: '2.4.2' },
      pulls,
    }
    const answer = await fetch(`${this.#url}/api/v1/report`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#headers },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`the report was answered ${answer.status}: ${await answer.text()}`)
  }
}

/** A cluster in the middle of a rollout, for pictures: what moves, what is done, what fails. */
export async function rollout(url: string, token?: string): Promise<void> {
  const shop = `${registry}/shop/checkout:v2.4.1`
  const model = `${registry}/ml/llm-serving:2026.11`
  const agents = Array.from(
    { length: 12 },
    (_, index) => new ScriptedAgent(url, `worker-${index + 1}.eu-west.example.com`, token),
  )
  const refused = { code: 'NotFound', message: `${shop}: manifest unknown` }
  for (const step of [0, 1]) {
    for (const [index, agent] of agents.entries()) {
      const phase = index < 5 ? 'completed' : index < 7 ? 'failed' : index < 9 ? 'unpacking' : 'downloading'
      const percent = phase === 'failed' ? 0 : 20 + 6 * index + 8 * step
      const first = pull(`shop${index}`, shop, step === 0 && index < 7 ? 'downloading' : phase, percent, {
        ...(step === 1 && phase === 'failed' && { error: refused }),
        cached: index % 3,
        startedAgoMs: 21_000 + 1000 * index,
      })
      const second = pull(`model${index}`, model, index === 3 ? 'resolving' : 'downloading', 5 * index + 6 * step)
      await agent.report(index % 2 === 0 ? [first] : [first, second])
    }
    await new Promise(resolve => setTimeout(resolve, 1200))
  }
}
