import { gzipSync } from 'node:zlib'

export interface Weight {
  readonly scriptBytes: number
  readonly scriptGzipped: number
  readonly styleBytes: number
  readonly styleGzipped: number
}

/** What a page makes a browser load beside itself: its scripts with the worker that they start, and its style. */
export async function weigh(pageUrl: string, headers: Readonly<Record<string, string>> = {}): Promise<Weight> {
  const page = await (await fetch(pageUrl, { headers })).text()
  const files = new Set(page.match(/\/assets\/[^"]+\.(?:js|css)/g))
  const weight = { scriptBytes: 0, scriptGzipped: 0, styleBytes: 0, styleGzipped: 0 }
  for (const file of files) {
    const kind = file.endsWith('.css') ? 'style' : 'script'
    const { bytes, gzipped } = await sizeOf(new URL(file, pageUrl))
    weight[`${kind}Bytes`] += bytes
    weight[`${kind}Gzipped`] += gzipped
  }
  return weight
}

async function sizeOf(url: URL): Promise<{ bytes: number; gzipped: number }> {
  // fetch asks for gzip and unpacks it: what came over the wire is in no field of the answer.
  const body = Buffer.from(await (await fetch(url)).arrayBuffer())
  return { bytes: body.length, gzipped: gzipSync(body, { level: 9 }).length }
}
