/** The old text when they are equal: each report parses its own, and keeping that would only be more to move and let go. */
export const kept = <T extends string | undefined>(before: T | undefined, now: T): T =>
  before === now ? (before as T) : now
