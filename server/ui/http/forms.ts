import { isUtf8 } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Context } from 'koa'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** Field of every form that changes something for who is signed in. */
export const csrfField = 'csrf'

/**
 * The token of one session, made of the session's own secret: nothing more need be kept, and a new session has another.
 * `sessionToken` is the cookie's value, never what the store has.
 */
export const csrfTokenOf = (sessionToken: string): string =>
  createHmac('sha256', sessionToken).update('pulltrace csrf v1').digest('base64url')

export function checkCsrf(form: URLSearchParams, sessionToken: string): void {
  const [wanted, seen] = [csrfTokenOf(sessionToken), form.get(csrfField) ?? ''].map(text => Buffer.from(text)) as [
    Buffer,
    Buffer,
  ]
  if (seen.length === wanted.length && timingSafeEqual(seen, wanted)) return
  throw new PulltraceError(Code.PermissionDenied, 'this form is of another session', {
    path: csrfField,
    fix: 'go back, reload the page and send it again',
  })
}

/**
 * Refuses what another site sends with a reader's cookies. `publicOrigin` is for a server behind a proxy that changes
 * the Host. Browsers tell where a POST comes from, by `Origin` or, older ones, by `Referer`; nothing else is taken.
 */
export function checkSameOrigin(ctx: Context, publicOrigin?: string): void {
  const site = ctx.get('sec-fetch-site')
  const origin = ctx.get('origin') || originOf(ctx.get('referer'))
  const ours = [ctx.host, ...(publicOrigin === undefined ? [] : [hostOf(publicOrigin)])]
  if (origin !== '' && ours.includes(hostOf(origin)) && (site === '' || site === 'same-origin')) return
  throw new PulltraceError(Code.PermissionDenied, 'this form was not sent by a page of this server', {
    path: 'origin',
    bound: ours.join(' or '),
    seen: origin === '' ? 'nothing' : origin.slice(0, 80),
    fix: 'open the page here and send it again',
  })
}

const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : '')
const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : '')

/** Reads the fields of a form, `application/x-www-form-urlencoded`, of at most `maxBytes`. */
export async function readForm(ctx: Context, maxBytes = 16 * 1024): Promise<URLSearchParams> {
  const [type] = ctx.get('content-type').split(';')
  if (type?.trim().toLowerCase() !== 'application/x-www-form-urlencoded') {
    throw new PulltraceError(Code.UnsupportedMedia, 'a form must be sent as its fields', {
      path: 'content-type',
      bound: 'application/x-www-form-urlencoded',
      seen: ctx.get('content-type').slice(0, 80) || 'nothing',
    })
  }
  const tooLarge = () => {
    // What still comes is read and thrown away, so that the answer arrives.
    ctx.req.resume()
    return new PulltraceError(Code.TooLarge, `the form must be at most ${maxBytes} bytes`, {
      bound: `at most ${maxBytes} bytes`,
    })
  }
  if (Number(ctx.get('content-length')) > maxBytes) throw tooLarge()
  const bytes = await readAtMost(ctx, maxBytes, tooLarge)
  if (!isUtf8(bytes)) throw new PulltraceError(Code.Invalid, 'the form must be UTF-8', { bound: 'valid UTF-8' })
  return new URLSearchParams(bytes.toString('utf8'))
}

function readAtMost(ctx: Context, maxBytes: number, tooLarge: () => PulltraceError): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    ctx.req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= maxBytes) chunks.push(chunk)
      else {
        ctx.req.removeAllListeners('data')
        reject(tooLarge())
      }
    })
    ctx.req.once('end', () => resolve(Buffer.concat(chunks)))
    ctx.req.once('close', () => reject(new PulltraceError(Code.Invalid, 'the form ended before it was complete')))
    ctx.req.once('error', reject)
  })
}

/** Where a form leads back to: a path of this host, else the first page. A browser reads `\` and `//` as another host. */
export const backPath = (text: string | null): string =>
  text !== null && text.length <= 4096 && /^\/(?!\/)[!-[\]-~]*$/.test(text) ? text : '/'
