import { ServerInterceptingCall, type ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { isPacked, onBodyBytes } from './raw-call.ts'
import { grpcStatusOf } from './status.ts'

/** Of a call to health or reflection, which needs no key; packed, as each byte may be a thousand. */
const openBytes = { identity: 64 * 1024, packed: 4 * 1024 }

/** Anybody may call: with a little. */
export function openCall(call: ServerInterceptingCallInterface): ServerInterceptingCall {
  const maxBytes = isPacked(call) ? openBytes.packed : openBytes.identity
  let arrived = 0
  onBodyBytes(call, bytes => {
    if (arrived > maxBytes) return
    arrived += bytes
    if (arrived <= maxBytes) return
    const reason = new PulltraceError(Code.TooLarge, `requests of this call must be at most ${maxBytes} bytes`)
    call.sendStatus(grpcStatusOf(reason, ''))
  })
  return new ServerInterceptingCall(call)
}
