import { Code, type PulltraceError } from '../../core/lib/errors.ts'
import { type Html, html } from './html.ts'

const titles: Partial<Record<Code, string>> = {
  [Code.Invalid]: 'That does not add up',
  [Code.Unauthenticated]: 'Please sign in',
  [Code.PermissionDenied]: 'That is not yours to do',
  [Code.NotFound]: 'Nothing is here',
  [Code.NotAllowed]: 'That does not work here',
  [Code.Conflict]: 'Somebody was quicker',
  [Code.TooLarge]: 'That is too much',
  [Code.Exhausted]: 'Too many, too fast',
  [Code.Unavailable]: 'Not available right now',
}

export const errorTitle = ({ code }: PulltraceError): string => titles[code] ?? 'Something went wrong'

/** What happened, where, and what to do: the body of a page. */
export function errorBody(error: PulltraceError): Html {
  const { path, bound, seen, fix, retryAfterSeconds } = error.details
  const row = (label: string, text: string | undefined) =>
    text !== undefined && html`<dt>${label}</dt><dd><code>${text}</code></dd>`
  return html`<section class="empty" role="alert">
<h1>${errorTitle(error)}</h1>
<p>${sentence(error.publicMessage)}</p>
${(path ?? bound ?? seen) !== undefined && html`<dl class="facts">${row('Where', path)}${row('Must be', bound)}${row('Is', seen)}</dl>`}
${fix !== undefined && html`<p>${sentence(fix)}</p>`}
${retryAfterSeconds !== undefined && html`<p>It can work again in ${Math.ceil(retryAfterSeconds)} s.</p>`}
<p><a class="button" href="/">To the first page</a></p>
</section>`
}

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
