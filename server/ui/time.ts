import { type Html, html } from './html.ts'

/** UTC without a script; with one in the reader's zone, and UTC on hover. */
export function timeTag(at: string | number | Date): Html {
  const iso = new Date(at).toISOString()
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
  return html`<time datetime="${iso}" title="${utc}">${utc}</time>`
}
