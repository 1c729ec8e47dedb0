import { type Html, html } from './html.ts'

/** The address with some parameters changed; undefined takes one out. Its path must be one of ours. */
export function withQuery(path: string, query: URLSearchParams, changes: Record<string, string | undefined>): string {
  const next = new URLSearchParams(query)
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Links of a list that is read by cursors: back to its begin, and on. Nothing when all is on one page. */
export function pager(path: string, query: URLSearchParams, nextCursor: string | null | undefined): Html | undefined {
  const first = query.has('cursor')
  if (!first && (nextCursor ?? null) === null) return undefined
  return html`<nav class="pager" aria-label="More of the list">
${first && html`<a class="button" href="${withQuery(path, query, { cursor: undefined })}">To the begin</a>`}
${nextCursor != null && html`<a class="button" rel="next" href="${withQuery(path, query, { cursor: nextCursor })}">More</a>`}
</nav>`
}
