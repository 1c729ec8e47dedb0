import type { ApiKey } from '../../store/keys-store.ts'
import type { BodyShare } from './body-budget.ts'

/** What is known of a call before its body is read. */
export interface CallContext {
  /** The client's, or ours. */
  readonly requestId: string
  readonly key: ApiKey
  /** Of the client. */
  readonly address: string
  readonly share: BodyShare
  /** `grpc-encoding`: how the message is packed. */
  readonly encoding: string
}

/** A request as handlers get it: nothing of it is decoded. */
export interface Incoming {
  readonly context: CallContext
  readonly body: Buffer
}
