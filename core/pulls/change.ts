import type { PullEventType } from '../contract/pull-event.ts'
import type { PullState } from './pull.ts'

/** What a merge says happened to one pull; an event once it is numbered. */
export interface PullChange {
  readonly type: PullEventType
  readonly pull: PullState
  /** A rule keeps the pull out: who was shown it, or what it replaces, is told that it has left; nobody else hears of it. */
  readonly dropped?: true
}
