import type { Context, Middleware } from 'koa'
import { isDemoNode } from '../../../../core/contract/demo.ts'
import { Code, PulltraceError } from '../../../../core/lib/errors.ts'
import { Assets, sharedModules, sharedStyles } from '../../../ui/assets.ts'
import { errorBody, errorTitle } from '../../../ui/error-page.ts'
import { type Html, html } from '../../../ui/html.ts'
import { csrfField, csrfTokenOf } from '../../../ui/http/forms.ts'
import { answerPage } from '../../../ui/http/page-headers.ts'
import { readerTheme, seeOther } from '../../../ui/http/theme-route.ts'
import { layout, type Page } from '../../../ui/layout.ts'
import type { ReaderAuth } from '../auth.ts'
import { readBy, sessionOf } from '../grants.ts'

export const openPageAssets = (): Assets =>
  Assets.open({
    modules: {
      ...sharedModules,
      live: 'server/pulltrace/pages/browser/live.entry.ts',
      'stream-worker': 'server/pulltrace/pages/browser/stream-worker.entry.ts',
    },
    styles: [...sharedStyles, 'server/pulltrace/pages/styles/live.css', 'server/pulltrace/pages/styles/past.css'],
  })

export interface FrameParts {
  readonly assets: Assets
  readonly version: string
  readonly publicUrl: string | undefined
  /** Where tk-web-ui is; absent where nobody said. */
  readonly rulesUrl: string | undefined
  readonly signInNeeded: boolean
  readonly readers: ReaderAuth
  readonly nodeNames: () => readonly string[]
}

const nav = [
  { href: '/', label: 'Live pulls' },
  { href: '/history', label: 'History' },
  { href: '/nodes', label: 'Nodes' },
]

/** What all pages of pulltrace-server share. */
export class PageFrame {
  readonly #parts: FrameParts

  constructor(parts: FrameParts) {
    this.#parts = parts
  }

  get assets(): Assets {
    return this.#parts.assets
  }

  get publicUrl(): string | undefined {
    return this.#parts.publicUrl
  }

  /** Lets readers pass; who is not signed in is asked to, and comes back. */
  readonly reader: Middleware = async (ctx, next) => {
    try {
      await readBy(this.#parts.readers)(ctx, async () => {})
    } catch (reason) {
      if (!this.#asksToSignIn(reason)) throw reason
      seeOther(ctx, `/sign-in?back=${encodeURIComponent(ctx.url)}`)
      return
    }
    await next()
  }

  answer(ctx: Context, page: Page, status = 200): void {
    // Without a token nothing is told, not even that there is demo data.
    const demo = ctx.state['grant'] !== undefined && this.#parts.nodeNames().some(isDemoNode)
    const frame = {
      product: 'Pulltrace',
      nav: this.#parts.rulesUrl === undefined ? nav : [...nav, { href: this.#parts.rulesUrl, label: 'Rules' }],
      assets: this.#parts.assets,
      theme: readerTheme(ctx),
      here: ctx.url,
      account: this.#account(ctx),
      banner: demo
        ? html`<div class="banner"><strong>DEMO DATA</strong>: a demo runtime makes these pulls up.</div>`
        : undefined,
      version: `pulltrace-server ${this.#parts.version}`,
    }
    answerPage(ctx, layout(frame, page), status)
  }

  /** True when it has answered: the error of a page is a page. */
  readonly answerError = (ctx: Context, error: PulltraceError, status: number): boolean => {
    // Not `ctx.path`: the target may be none, and that be the error.
    if (!/^\/(?!api\/|openapi)/.test(ctx.url) || ctx.accepts('json', 'html') !== 'html') return false
    this.answer(ctx, { title: errorTitle(error), body: errorBody(error) }, status)
    return true
  }

  #asksToSignIn(reason: unknown): boolean {
    return reason instanceof PulltraceError && reason.code === Code.Unauthenticated && this.#parts.signInNeeded
  }

  #account(ctx: Context): Html | undefined {
    const session = sessionOf(ctx)
    if (!this.#parts.signInNeeded || session === undefined || ctx.state['grant'] === undefined) return undefined
    return html`<form method="post" action="/sign-out"><input type="hidden" name="${csrfField}" value="${csrfTokenOf(session)}"><button>Sign out</button></form>`
  }
}
