import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { type handleUnaryCall, Metadata } from '@grpc/grpc-js'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import type { CallContext, Incoming } from './call-context.ts'
import { grpcStatusOf } from './status.ts'

export interface Answer {
  readonly body: Uint8Array
  /** Initial metadata. */
  readonly headers?: Readonly<Record<string, string>>
}

export type Work = (body: Buffer, context: CallContext, metadata: Metadata) => Promise<Answer>

/** As grpc-js knows a method, with messages as the bytes that they are. */
export const methodOf = (path: string) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: (body: Buffer) => body,
  requestDeserialize: (body: Buffer) => body,
  responseSerialize: (body: Uint8Array) => Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  responseDeserialize: (body: Buffer) => body,
})

/** The one place where what a call throws becomes its status. */
export function unary(work: Work, maxRequestBytes: number, log: Logger): handleUnaryCall<Incoming, Uint8Array> {
  return (call, answer) => {
    const { context, body } = call.request
    const { requestId, share } = context
    run()
      .catch(reason => {
        const status = grpcStatusOf(reason, requestId)
        const error = PulltraceError.from(reason)
        if (error.code === Code.Internal) log.error('call failed', { path: call.getPath(), requestId, error })
        answer(status)
      })
      .finally(() => share.release())

    async function run(): Promise<void> {
      const { body: bytes, headers } = await work(
        await unpacked(body, context, maxRequestBytes),
        context,
        call.metadata,
      )
      if (call.cancelled) return
      const metadata = new Metadata()
      for (const [name, value] of Object.entries(headers ?? {})) metadata.set(name, value)
      call.sendMetadata(metadata)
      answer(null, bytes)
    }
  }
}

const gunzipped = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip)

/** Its size is counted before it is unpacked: gzip says it at its end, and what turns out to be larger is refused. */
async function unpacked(body: Buffer, { encoding, share }: CallContext, maxBytes: number): Promise<Buffer> {
  // A client may leave single messages as they are. No message of protobuf begins with these two bytes.
  if (encoding === 'identity' || body.length < 18 || body.readUInt16BE(0) !== 0x1f8b) return body
  const said = body.readUInt32LE(body.length - 4)
  if (said > maxBytes) throw tooLarge(said, maxBytes)
  share.take(said)
  try {
    return await gunzipped(body, { maxOutputLength: Math.max(1, said) })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(undefined, maxBytes)
    throw new PulltraceError(Code.Invalid, 'the message is not gzip, as its grpc-encoding says', { cause })
  }
}

function tooLarge(seen: number | undefined, maxBytes: number): PulltraceError {
  const what = seen === undefined ? 'more bytes than it says' : `${seen} bytes`
  return new PulltraceError(Code.TooLarge, `the message unpacks to ${what}; at most ${maxBytes} are taken`)
}
