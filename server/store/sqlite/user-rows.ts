import type { Role, User } from '../users-store.ts'

/** A user as the columns below are read. */
export interface UserRow {
  readonly id: string
  readonly name: string
  readonly role: string
  readonly mustChange: number
  readonly createdAtMs: number
  readonly lastSignInAtMs: number | null
}

export const userColumns = `users.id, users.name, users.role, users.must_change AS mustChange,
  users.created_ms AS createdAtMs, users.last_sign_in_ms AS lastSignInAtMs`

export function userOf({ id, name, role, mustChange, createdAtMs, lastSignInAtMs }: UserRow): User {
  return {
    ...{ id, name, role: role as Role, mustChangePassword: mustChange === 1, createdAtMs },
    ...(lastSignInAtMs !== null && { lastSignInAtMs }),
  }
}
