import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { gunzip, gunzipSync } from 'node:zlib'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { jsonFaultAt, placeOf } from './json-fault.ts'

const inflate = promisify(gunzip)

/** Below this, inflating here costs less than the way to the thread pool and back. Compressed bytes. */
const inflateHereBytes = 64 * 1024

/** Bounds what bodies may hold in memory together, whatever many clients send at once. Unit: bytes. */
export class BodyBudget {
  readonly #maxBytes: number
  #heldBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  take(bytes: number): void {
    if (this.#heldBytes + bytes > this.#maxBytes) {
      throw new PulltraceError(Code.Exhausted, 'too many reports are in flight', {
        fix: 'send the next report at the next interval',
        retryAfterSeconds: 2,
      })
    }
    this.#heldBytes += bytes
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes
  }
}

export interface Body {
  readonly value: unknown
  /** After decompression; held in the budget until the caller gives it back. */
  readonly bytes: number
}

/** Reads a JSON body of at most `maxBytes` after decompression. What is refused holds nothing in the budget. */
export async function readJson(request: IncomingMessage, maxBytes: number, budget: BodyBudget): Promise<Body> {
  checkContentType(request.headers['content-type'])
  const gzipped = checkEncoding(request.headers['content-encoding'])
  const sent = await readRaw(request, maxBytes, budget)
  try {
    const plain = gzipped ? await inflateBounded(sent, maxBytes) : sent
    const extra = Math.max(0, plain.length - sent.length)
    budget.take(extra)
    try {
      return { value: parseJson(plain), bytes: sent.length + extra }
    } catch (error) {
      budget.give(extra)
      throw error
    }
  } catch (error) {
    budget.give(sent.length)
    throw error
  }
}

function checkContentType(header: string | undefined): void {
  if (header === 'application/json') return
  const [type, ...parameters] = (header ?? '')
    .toLowerCase()
    .split(';')
    .map(part => part.trim())
  const charset = parameters
    .find(parameter => parameter.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  if (type === 'application/json' && (charset === undefined || charset === 'utf-8' || charset === 'utf8')) return
  throw new PulltraceError(Code.UnsupportedMedia, 'the body must be JSON in UTF-8', {
    path: 'content-type',
    bound: 'application/json',
    seen: header === undefined ? 'nothing' : header.slice(0, 80),
    fix: "send 'Content-Type: application/json'",
  })
}

function checkEncoding(header: string | undefined): boolean {
  if (header === undefined || header === 'identity') return false
  if (header.toLowerCase() === 'gzip') return true
  throw new PulltraceError(Code.UnsupportedMedia, 'the body may be sent plain or compressed once with gzip', {
    path: 'content-encoding',
    bound: 'gzip or identity',
    seen: header.slice(0, 80),
  })
}

/** Resolves with the body as sent. Once refused, the rest is read and thrown away: the client gets its answer. */
function readRaw(request: IncomingMessage, maxBytes: number, budget: BodyBudget): Promise<Buffer> {
  const announced = request.headers['content-length']
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (error?: unknown) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose)
      if (error === undefined) return
      budget.give(bytes)
      request.resume()
      reject(error)
    }
    const onData = (chunk: Buffer) => {
      if (bytes + chunk.length > maxBytes) return settle(tooLarge(maxBytes, announced ?? `more than ${maxBytes}`))
      try {
        budget.take(chunk.length)
      } catch (error) {
        return settle(error)
      }
      bytes += chunk.length
      chunks.push(chunk)
    }
    const onEnd = () => {
      settle()
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes))
    }
    const onClose = () =>
      settle(
        new PulltraceError(Code.Invalid, 'the body ended before it was complete', {
          bound: announced === undefined ? 'a complete chunked body' : `${announced} bytes`,
          seen: `${bytes} bytes`,
        }),
      )
    if (announced !== undefined && Number(announced) > maxBytes) return settle(tooLarge(maxBytes, announced))
    request.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

/** Stops at the bound while inflating: a bomb never gets more memory than a good report. */
async function inflateBounded(sent: Buffer, maxBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: maxBytes }
  try {
    return sent.length <= inflateHereBytes ? gunzipSync(sent, options) : await inflate(sent, options)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(maxBytes, `more than ${maxBytes}, from ${sent.length} compressed`)
    }
    throw new PulltraceError(Code.Invalid, `the body is not valid gzip: ${(cause as Error).message}`, {
      bound: 'one complete gzip stream',
      seen: `${sent.length} bytes`,
    })
  }
}

function tooLarge(maxBytes: number, seen: string): PulltraceError {
  return new PulltraceError(Code.TooLarge, `the body must be at most ${maxBytes} bytes after decompression`, {
    bound: `at most ${maxBytes} bytes after decompression`,
    seen: `${seen} bytes`,
    fix: 'send active pulls first, then ended ones in turns',
  })
}

function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) throw new PulltraceError(Code.Invalid, 'the body must be UTF-8', { bound: 'valid UTF-8' })
  const text = bytes.toString('utf8')
  try {
    return JSON.parse(text)
  } catch {
    const at = jsonFaultAt(text)
    const place = at >= text.length ? 'the end' : placeOf(text, Math.max(0, at))
    const seen = at >= text.length ? 'the end of the body' : JSON.stringify(text.slice(at, at + 20))
    const fault = at >= text.length ? 'it ends too early' : `it is not at ${place}, got ${seen}`
    throw new PulltraceError(Code.Invalid, `the body must be JSON; ${fault}`, {
      path: place,
      bound: 'valid JSON',
      seen,
    })
  }
}
