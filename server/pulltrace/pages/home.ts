import { createHash } from 'node:crypto'
import { escapeHtml } from './escape.ts'

export interface HomeFacts {
  readonly version: string
  /** Where people reach the server, for commands that can be copied; no slash at its end. */
  readonly baseUrl: string
  /** Absent where a token is needed to know them. */
  readonly counts:
    | { readonly nodes: number; readonly activePulls: number /** Some are made up. */; readonly demo: boolean }
    | undefined
  /** Whether readers must send a token. */
  readonly tokenNeeded: boolean
}

const style = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}
code,pre{font-family:ui-monospace,monospace}pre{padding:.75rem;border:1px solid #8884;overflow-x:auto}dt{font-weight:600}dd{margin:0 0 .75rem}`

/** What the page may load: its own style, by its hash, and nothing else. */
export const homePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const links: readonly (readonly [path: string, meaning: string])[] = [
  ['/api/v1/pulls', 'pulls that have not ended (?state=all for every one)'],
  ['/api/v1/nodes', 'nodes that report'],
  ['/api/v1/history', 'pulls that have ended'],
  ['/api/v1/history?groupBy=image', 'their sums by image, node or registry'],
  ['/api/v1/events', 'every change as it happens (Server-Sent Events)'],
  ['/openapi.json', 'the API, described (OpenAPI 3.1)'],
]

/** GET /: a plain page that needs no script. The counts are those of the moment it was made. */
export function homePage({ version, baseUrl, counts, tokenNeeded }: HomeFacts): string {
  const token = tokenNeeded ? ` -H "Authorization: Bearer $TOKEN"` : ''
  const items = links.map(
    ([path, meaning]) =>
      `<dt><a href="${escapeHtml(path)}">${escapeHtml(path)}</a></dt><dd>${escapeHtml(meaning)}</dd>`,
  )
  const now = counts ? ` ${count(counts.nodes, 'node')}, ${count(counts.activePulls, 'pull')} under way.` : ''
  const demo = counts?.demo ? '<p><strong>DEMO DATA</strong>: a demo runtime makes these pulls up.</p>\n' : ''
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Pulltrace</title><style>${style}</style></head>
<body><main><h1>Pulltrace</h1>
<p>Every container-image pull on every node, while it happens.${now}</p>
${demo}<dl>${items.join('\n')}</dl>
<pre>curl -N${escapeHtml(token)} ${escapeHtml(`${baseUrl}/api/v1/events`)}
pulltrace watch --server ${escapeHtml(baseUrl)}</pre>
${tokenNeeded ? '<p>The API asks for the reader token; these links answer 401 in a browser without it.</p>\n' : ''}<p><small>pulltrace-server ${escapeHtml(version)}</small></p>
</main></body></html>
`
}

const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`
