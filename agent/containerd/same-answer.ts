import type { Method } from './grpc.ts'

/**
 * A method that hands out its last answer again, the very object, when the bytes are the same: what is listed changes
 * when a pull begins or ends, and is asked for at each look.
 */
export function withSameAnswer<Request, Answer, Path extends string>(
  method: Method<Request, Answer, Path>,
): Method<Request, Answer, Path> {
  let last: { readonly bytes: Buffer; readonly answer: Answer } | undefined
  return {
    path: method.path,
    requestSerialize: method.requestSerialize,
    responseDeserialize(bytes) {
      // A copy, since they are part of a larger piece of memory.
      if (!last?.bytes.equals(bytes)) last = { bytes: Buffer.from(bytes), answer: method.responseDeserialize(bytes) }
      return last.answer
    },
  }
}
