import type { Context } from 'koa'
import { type Theme, themeOf } from '../theme.ts'
import { cookieOf, isSecure, setCookie } from './cookies.ts'
import { backPath, checkSameOrigin, readForm } from './forms.ts'

const cookie = 'theme'
const yearSeconds = 31_536_000

export const readerTheme = (ctx: Context): Theme => themeOf(cookieOf(ctx, cookie))

/** POST /theme: keeps the choice in a cookie and goes back. */
export function switchTheme(publicUrl?: string) {
  return async (ctx: Context): Promise<void> => {
    checkSameOrigin(ctx, publicUrl)
    const form = await readForm(ctx)
    const theme = themeOf(form.get('theme') ?? undefined)
    setCookie(ctx, cookie, theme, isSecure(ctx, publicUrl), { maxAgeSeconds: yearSeconds, httpOnly: true })
    seeOther(ctx, backPath(form.get('back')))
  }
}

/** 303: what comes next is a GET. `path` must be one of ours, encoded. */
export function seeOther(ctx: Context, path: string): void {
  ctx.status = 303
  ctx.set('Location', path)
  ctx.set('Cache-Control', 'no-store')
  ctx.type = 'text'
  ctx.body = `See ${path}`
}
