import { type Html, html } from '../../ui/html.ts'

/** A choice of a filter: any, or one of a few words. */
export const select = (name: string, words: readonly string[], query: URLSearchParams): Html =>
  html`<select name="${name}"><option value="">any</option>${words.map(
    word => html`<option${query.get(name) === word && html` selected`}>${word}</option>`,
  )}</select>`
