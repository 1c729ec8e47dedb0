import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Assets } from '../assets.ts'
import { pagePolicy } from './page-headers.ts'

/** GET /assets/*: each address is of one content for good. */
export const assetPath = '/assets/*file'

export function serveAssets(assets: Assets) {
  return (ctx: Context): void => {
    const asset = assets.get(ctx.path)
    if (asset === undefined) {
      throw new PulltraceError(Code.NotFound, 'there is no such file; the page that named it is of another version', {
        fix: 'reload the page',
      })
    }
    const gzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip'
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable')
    // A worker is held to the policy of its own file: it may connect, and import what is beside it.
    ctx.set('Content-Security-Policy', pagePolicy)
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('Vary', 'Accept-Encoding')
    if (gzip) ctx.set('Content-Encoding', 'gzip')
    ctx.type = asset.type
    ctx.body = gzip ? asset.gzipped : asset.body
  }
}
