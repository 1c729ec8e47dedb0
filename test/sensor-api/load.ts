import { credentials, status as Status } from '@grpc/grpc-js'
import {
  EventStatus,
  type ReportEventsRequest,
  SensorAPIClient,
} from '../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import { goodEvent, report } from '../../server/sensor-api/start-sensor-api.fake.ts'
import type { SensorApiProgram } from '../rig/pulltrace.ts'

export interface Load {
  /** Ids of events that were answered with ACCEPTED. */
  readonly acknowledged: ReadonlySet<string>
  /** Ids of events whose answer never came, or was no. */
  readonly unanswered: ReadonlySet<string>
  /** How calls ended, by status. */
  readonly codes: ReadonlyMap<string, number>
  /** Sends no more; resolves when what was sent has ended. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly sensors: number
  readonly batch: number
  readonly recordBytes?: number
}

/** So many sensors, each on a connection of its own, that report batch after batch. */
export function startLoad(server: Pick<SensorApiProgram, 'address' | 'key'>, options: LoadOptions): Load {
  const { sensors, batch, recordBytes = 400 } = options
  const acknowledged = new Set<string>()
  const unanswered = new Set<string>()
  const codes = new Map<string, number>()
  let stopped = false
  const work = Array.from({ length: sensors }, async () => {
    const client = new SensorAPIClient(server.address, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    while (!stopped) {
      const recordJson = Buffer.from(JSON.stringify({ text: 'x'.repeat(recordBytes) }))
      const events = Array.from({ length: batch }, () => goodEvent({ recordJson }))
      for (const { eventId } of events) unanswered.add(eventId)
      const request: Partial<ReportEventsRequest> = { events }
      const { code, response } = await report(client, request, { 'x-api-key': server.key })
      codes.set(Status[code]!, (codes.get(Status[code]!) ?? 0) + 1)
      for (const { eventId, status } of response?.results ?? []) {
        if (status !== EventStatus.EVENT_STATUS_ACCEPTED) continue
        unanswered.delete(eventId)
        acknowledged.add(eventId)
      }
      // A server that is gone answers at once: no need to ask it all the time.
      if (code !== Status.OK) await new Promise(resolve => setTimeout(resolve, 20))
    }
    client.close()
  })
  return {
    acknowledged,
    unanswered,
    codes,
    async stop() {
      stopped = true
      await Promise.all(work)
    },
  }
}
