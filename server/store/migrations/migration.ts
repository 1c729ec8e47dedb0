/**
 * One step of a schema. Once released its text never changes: databases remember
 * its checksum. An engine that is added later adds its own field beside `sqlite`.
 */
export interface Migration {
  /** Rises by exactly 1 from 1. */
  readonly version: number
  readonly name: string
  readonly sqlite: string
}
