import type { Actor } from './rules-store.ts'

export const roles = ['viewer', 'editor', 'admin'] as const
/** What a person may do: read; also change rules and pause them; also keys and users. Each may what those before it may. */
export type Role = (typeof roles)[number]

export interface User {
  /** UUIDv7. */
  readonly id: string
  /** As it was written; unique whatever the case of its letters. */
  readonly name: string
  readonly role: Role
  /** Whether nothing but a change of the password is open to them. */
  readonly mustChangePassword: boolean
  readonly createdAtMs: number
  readonly lastSignInAtMs?: number | undefined
}

export interface NewUser {
  readonly name: string
  readonly role: Role
  /** What a password is checked against, with its parameters: `server/web-ui/people/password.ts`. Never the password. */
  readonly passwordHash: string
  readonly mustChangePassword: boolean
}

export interface UserWithHash {
  readonly user: User
  readonly passwordHash: string
}

/** The people of the pages. What was answered is on disk, and in the audit log in the same transaction. */
export interface UsersStore {
  /** By name. */
  list(): Promise<readonly User[]>
  get(id: string): Promise<UserWithHash | undefined>
  findByName(name: string): Promise<UserWithHash | undefined>
  /** @throws Code.Conflict when somebody has that name. */
  create(user: NewUser, by: Actor): Promise<User>
  /** Undefined, and nothing made, when there is any user already; of two that call at once one makes it. */
  createFirst(user: NewUser, by: Actor): Promise<User | undefined>
  /** Ends every session of that person. @throws Code.NotFound */
  setPassword(id: string, password: Pick<NewUser, 'passwordHash' | 'mustChangePassword'>, by: Actor): Promise<User>
  /**
   * Ends every session of that person when it is another role.
   *
   * @throws Code.NotFound; Code.Conflict when nobody would be left who is an admin.
   */
  setRole(id: string, role: Role, by: Actor): Promise<User>
  /** With every session. @throws Code.NotFound; Code.Conflict when nobody would be left who is an admin. */
  remove(id: string, by: Actor): Promise<void>
}

/** Two names that are the same person's. */
export const nameKeyOf = (name: string): string => name.normalize('NFKC').toLowerCase()
