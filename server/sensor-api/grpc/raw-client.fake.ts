import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'

export interface RawCall {
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  /** As the first byte of the frame says. */
  readonly packed?: boolean
  readonly message: Uint8Array
  /** What the frame says of its length, if not the truth. */
  readonly saidLength?: number
  /** As of a client that hangs: the end never comes. */
  readonly unended?: boolean
}

export interface RawEnd {
  readonly status: number
  readonly message: string
  readonly headers: IncomingHttpHeaders
}

/** A client that can send what no gRPC library would. */
export async function rawCall(address: string, call: RawCall): Promise<RawEnd> {
  const session = connect(`http://${address}`)
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': call.path ?? '/trapperkeeper.sensor.v1.SensorAPI/ReportEvents',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...call.headers,
    })
    const frame = Buffer.alloc(5)
    frame.writeUInt8(call.packed ? 1 : 0)
    frame.writeUInt32BE(call.saidLength ?? call.message.byteLength, 1)
    let headers: IncomingHttpHeaders = {}
    stream.on('response', given => {
      headers = { ...headers, ...given }
    })
    stream.on('trailers', given => {
      headers = { ...headers, ...given }
    })
    stream.on('error', () => {})
    stream.resume()
    const body = Buffer.concat([frame, call.message])
    if (call.unended) {
      stream.write(body)
      await once(stream, 'end')
    } else {
      stream.end(body)
      await once(stream, 'close')
    }
    return {
      status: Number(headers['grpc-status']),
      message: decodeURI(String(headers['grpc-message'] ?? '')),
      headers,
    }
  } finally {
    session.destroy()
  }
}
