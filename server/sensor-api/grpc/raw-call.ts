import type { Http2Session } from 'node:http2'
import type { Readable } from 'node:stream'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'

/**
 * What @grpc/grpc-js keeps to itself and we cannot do without: it gathers a message before anyone is asked, and unpacks
 * it in memory that nobody counts. Tests of the limits fail when an update moves these.
 */
interface RawCall {
  readonly stream?: Readable & { readonly session?: Http2Session }
  incomingEncoding?: string
}

/** Calls with the size of each piece of the body as it arrives. */
export function onBodyBytes(call: ServerInterceptingCallInterface, arrived: (bytes: number) => void): void {
  // The stream was paused by name, so another listener does not make it flow.
  rawOf(call).stream?.on('data', (piece: Buffer) => arrived(piece.byteLength))
}

/** The connection of a call: the same object for all its calls. */
export const sessionOf = (call: ServerInterceptingCallInterface): Http2Session | undefined =>
  rawOf(call).stream?.session

/** Whether its messages may be packed. */
export const isPacked = (call: ServerInterceptingCallInterface): boolean =>
  (rawOf(call).incomingEncoding ?? 'identity') !== 'identity'

/** Hands the message over as it came. Returns how it is packed. */
export function leavePacked(call: ServerInterceptingCallInterface): string {
  const raw = rawOf(call)
  const encoding = raw.incomingEncoding ?? 'identity'
  raw.incomingEncoding = 'identity'
  return encoding
}

const rawOf = (call: ServerInterceptingCallInterface) => call as unknown as RawCall
