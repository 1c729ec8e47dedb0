import {
  EventCode,
  type EventResult,
  EventStatus,
  ReportEventsResponse,
} from '../../../../proto/generated/trapperkeeper/sensor/v1/sensor_api.ts'
import type { BufferedEvent } from './event-buffer.ts'

export interface Verdict {
  readonly accepted: number
  readonly duplicates: number
  /** Refused for good: by the name of the code. */
  readonly rejected: ReadonlyMap<string, number>
  /** Refused for now, in the order of the chunk. */
  readonly again: readonly BufferedEvent[]
  /** Why, of one of them. */
  readonly againReason: string | undefined
  readonly answer: ReportEventsResponse
}

/** What the server says of each event of a chunk. Throws when it does not speak of all of them. */
export function judgeAnswer(body: Uint8Array, chunk: readonly BufferedEvent[]): Verdict {
  const answer = ReportEventsResponse.decode(body)
  const counted = answer.acceptedCount + answer.rejectedCount
  // An answer that was cut short must not count as an acknowledgement.
  if (counted !== chunk.length) throw new Error(`it accounts for ${counted} of ${chunk.length} events`)
  const rejected = new Map<string, number>()
  const again = new Set<BufferedEvent>()
  let againReason: string | undefined
  const bad = new Set<BufferedEvent>()
  for (const result of answer.results) {
    const event = eventOf(result, chunk)
    if (event === undefined || bad.has(event)) continue
    if (result.status === EventStatus.EVENT_STATUS_REJECTED) {
      const code = codeName(result.code)
      rejected.set(code, (rejected.get(code) ?? 0) + 1)
      bad.add(event)
    } else if (result.status === EventStatus.EVENT_STATUS_ERROR) {
      again.add(event)
      bad.add(event)
      againReason ??= `${codeName(result.code)} ${result.errorMessage}`.trim()
    }
  }
  if (bad.size !== answer.rejectedCount) {
    throw new Error(`it says which ${bad.size} of ${answer.rejectedCount} rejected events are meant`)
  }
  return {
    accepted: chunk.length - bad.size,
    duplicates: answer.duplicateCount,
    rejected,
    again: chunk.filter(event => again.has(event)),
    againReason,
    answer,
  }
}

/** By id; a server of the first protocol has no index. */
function eventOf({ eventId, index }: EventResult, chunk: readonly BufferedEvent[]): BufferedEvent | undefined {
  const there = chunk[index]
  return there?.id === eventId || eventId === '' ? there : chunk.find(({ id }) => id === eventId)
}

const names = new Map<number, string>(
  Object.entries(EventCode).map(([name, number]) => [number, name.replace('EVENT_CODE_', '')]),
)
const codeName = (code: number) => names.get(code) ?? `code ${code}`
