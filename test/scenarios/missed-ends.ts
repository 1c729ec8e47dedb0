import type { EventEmitter } from 'node:events'
import type { Pull } from '../../core/contract/pull.ts'
import { isTerminal } from '../../core/contract/words.ts'
import type { EventRecorder } from './event-recorder.ts'

export interface MissedEnds {
  /** Whether the stream has told the state once: from then on every change is told. */
  isSynced(): boolean
  /**
   * Pulls that were found to have ended since event number `from`, and of which nothing was told afterwards: one that
   * stood as unknown while no server ran may go on.
   */
  since(from: number): readonly Pull[]
}

/**
 * After a reset the stream tells the state, which is of live pulls: what ended while nobody was connected, since the
 * server was killed, is for the client to ask for. This asks.
 */
export function followResets(
  { events }: EventRecorder,
  changes: EventEmitter,
  pulls: () => Promise<readonly Pull[]>,
): MissedEnds {
  const missed: { readonly at: number; readonly pull: Pull }[] = []
  let syncedAt = -1

  const catchUp = async (at: number) => {
    const listed = await pulls()
    const told = new Set(missed.map(({ pull }) => pull.id))
    for (const { event } of events) if (event && isTerminal(event.pull.phase)) told.add(event.pull.id)
    for (const pull of listed) if (isTerminal(pull.phase) && !told.has(pull.id)) missed.push({ at, pull })
    changes.emit('change')
  }
  changes.on('change', () => {
    const at = events.length - 1
    if (events[at]?.name !== 'synced' || syncedAt === at) return
    const wasReset = events.slice(syncedAt + 1, at).some(({ name }) => name === 'reset')
    syncedAt = at
    // A server that is killed meanwhile is asked after its next reset.
    if (wasReset) void catchUp(at).catch(() => {})
  })
  const toldAfter = (at: number, { id }: Pull) => events.slice(at).some(({ event }) => event?.pull.id === id)
  return {
    isSynced: () => syncedAt >= 0,
    since: from => missed.filter(({ at, pull }) => at >= from && !toldAfter(at, pull)).map(({ pull }) => pull),
  }
}
