import type { Assets } from './assets.ts'
import { type Content, documentOf, type Html, html } from './html.ts'
import type { Theme } from './theme.ts'

export interface NavItem {
  readonly href: string
  readonly label: string
}

/** What all pages of one program share, and what this request brings. */
export interface Frame {
  /** 'Pulltrace' or 'Rules', as people call the program; stands beside the mark. */
  readonly product: string
  readonly nav: readonly NavItem[]
  readonly assets: Assets
  readonly theme: Theme
  /** Where the page is, with its query: forms of the frame come back to it. */
  readonly here: string
  /** Who is signed in, and how to end it; absent where nobody need. */
  readonly account?: Html | undefined
  /** Above all else on each page: demo data, an emergency pause. */
  readonly banner?: Html | undefined
  readonly version: string
}

export interface Page {
  readonly title: string
  /** `href` of the item of the navigation that this page belongs to. */
  readonly current?: string
  readonly body: Content
  /** Modules beside the one that every page has, by their names in `assets`. */
  readonly scripts?: readonly string[]
}

/** The document around a page's own markup. */
export function layout(frame: Frame, page: Page): string {
  const { assets, theme, product, nav, here } = frame
  return documentOf(html`<html lang="en" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme === 'auto' ? 'light dark' : theme}">
<title>${page.title} · ${product}</title>
<link rel="icon" type="image/svg+xml" href="${assets.urlOf('icon.svg')}">
<link rel="stylesheet" href="${assets.urlOf('pages.css')}">
${['page', ...(page.scripts ?? [])].map(name => html`<script type="module" src="${assets.urlOf(name)}"></script>\n`)}</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<a class="brand" href="/"><svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><rect x="2" y="4" width="20" height="4" rx="2"/><rect x="2" y="10" width="13" height="4" rx="2"/><rect x="2" y="16" width="7" height="4" rx="2"/></svg><span>${product}</span></a>
${nav.length > 0 && html`<nav aria-label="Pages"><ul>${nav.map(item => navItem(item, page.current))}</ul></nav>`}
<div class="tools">${themeSwitch(theme, here)}${frame.account}</div>
</header>
${frame.banner}
<main id="main" tabindex="-1">
${page.body}
</main>
<footer class="foot"><span>${frame.version}</span><span data-utc-note>Times are in UTC.</span></footer>
</body>
</html>`)
}

const navItem = ({ href, label }: NavItem, current: string | undefined) =>
  html`<li><a href="${href}"${href === current && html` aria-current="page"`}>${label}</a></li>`

const themes: readonly (readonly [Theme, string])[] = [
  ['auto', 'Auto'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

/** Works as a form; the answer comes back to where the reader was. */
const themeSwitch = (current: Theme, here: string) => html`<form class="theme" method="post" action="/theme">
<input type="hidden" name="back" value="${here}">
<fieldset><legend class="unseen">Colours</legend>${themes.map(
  ([theme, label]) =>
    html`<button name="theme" value="${theme}" aria-pressed="${theme === current ? 'true' : 'false'}">${label}</button>`,
)}</fieldset></form>`
