import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { httpStatus } from '../../../core/lib/http-status.ts'
import { securityHeaders } from './security-headers.ts'
import { errorBody } from './status.ts'

/**
 * Answers what never became a request, or stopped being one: Node's parser and its timeouts.
 * Written by hand, as there is no response object; then the connection is closed.
 */
export function answerClientError(cause: NodeJS.ErrnoException, socket: Duplex): void {
  // An answer that has begun cannot be replaced; a client that is gone cannot read one.
  const answering = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent
  if (cause.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy()
    return
  }
  const { status, error } = faultOf(cause)
  const body = JSON.stringify(errorBody(error))
  const headers = {
    ...securityHeaders,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
  }
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`, () => socket.destroy())
}

function faultOf({ code, message }: NodeJS.ErrnoException): { status: number; error: PulltraceError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const error = new PulltraceError(Code.Timeout, 'the request took too long to arrive')
    return { status: httpStatus[error.code], error }
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    const bound = 'at most 16384 bytes'
    return { status: 431, error: new PulltraceError(Code.TooLarge, `the headers must be ${bound}`, { bound }) }
  }
  if (code === 'HPE_INVALID_EOF_STATE') {
    return { status: 400, error: new PulltraceError(Code.Invalid, 'the body ended before it was complete') }
  }
  return { status: 400, error: new PulltraceError(Code.Invalid, `this is not an HTTP request: ${message}`) }
}
