import { faultsOfEnds, type WireOptions } from './laws-of-ends.ts'
import { faultsOfEvents } from './laws-of-events.ts'
import { faultsOfReports } from './laws-of-reports.ts'
import type { Recording } from './recording.ts'

/** Every law, against everything that was said. One line for each fault; the first few say enough. */
export function faultsOf(recording: Recording, options: WireOptions): readonly string[] {
  const faults = [...faultsOfReports(recording), ...faultsOfEvents(recording), ...faultsOfEnds(recording, options)]
  const more = faults.length - 20
  return more > 0 ? [...faults.slice(0, 20), `and ${more} more`] : faults
}
