import { randomBytes } from 'node:crypto'

/** A position in the stream: `seq` events of this server start have been emitted. Written `<epoch>-<seq>`. */
export interface EventId {
  readonly epoch: string
  readonly seq: number
}

/** New at each server start, so that an id of an earlier one is never taken for ours. */
export const randomEpoch = (): string => randomBytes(5).toString('hex')

export const formatEventId = (epoch: string, seq: number): string => `${epoch}-${seq}`

/**
 * What a client has whose first state is not complete: `parseEventId` refuses it, so
 * that such a client is reset instead of keeping half a state.
 */
export const partialStateId = (epoch: string): string => `${epoch}-partial`

/** Undefined for any text that no server of ours wrote as a position. */
export function parseEventId(text: string): EventId | undefined {
  const match = /^([0-9a-z]{1,32})-(0|[1-9]\d{0,14})$/.exec(text)
  return match ? { epoch: match[1]!, seq: Number(match[2]) } : undefined
}
