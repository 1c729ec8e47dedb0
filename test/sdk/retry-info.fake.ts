import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Any } from '../../proto/generated/google/protobuf/any.ts'
import { Duration } from '../../proto/generated/google/protobuf/duration.ts'

/** A google.rpc.Status with another detail and a RetryInfo, as servers in other languages send it. */
export function retryInfoBytes(code: number, message: string, delayMs: number): Buffer {
  const delay = { seconds: Math.floor(delayMs / 1000), nanos: (delayMs % 1000) * 1e6 }
  const info = new BinaryWriter().uint32(10).bytes(Duration.encode(delay).finish()).finish()
  const anyOf = (name: string, value: Uint8Array) =>
    Any.encode({ typeUrl: `type.googleapis.com/google.rpc.${name}`, value: Buffer.from(value) }).finish()
  const status = new BinaryWriter().uint32(8).int32(code).uint32(18).string(message)
  status.uint32(26).bytes(anyOf('DebugInfo', new Uint8Array()))
  status.uint32(26).bytes(anyOf('RetryInfo', info))
  return Buffer.from(status.finish())
}
