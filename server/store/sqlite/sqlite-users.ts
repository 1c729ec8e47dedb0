import type { Actor } from '../rules-store.ts'
import type { NewUser, Role, User, UsersStore, UserWithHash } from '../users-store.ts'
import type { TkCalls } from './tk-calls.ts'

/** The people of the pages, through the workers. */
export class SqliteUsers implements UsersStore {
  readonly #calls: TkCalls
  readonly #now: () => number

  constructor(calls: TkCalls, now: () => number) {
    this.#calls = calls
    this.#now = now
  }

  list(): Promise<readonly User[]> {
    return this.#calls.read('users.list')
  }

  get(id: string): Promise<UserWithHash | undefined> {
    return this.#calls.read('users.get', id)
  }

  findByName(name: string): Promise<UserWithHash | undefined> {
    return this.#calls.read('users.findByName', name)
  }

  create(user: NewUser, by: Actor): Promise<User> {
    return this.#calls.write('users.create', user, by, this.#now())
  }

  createFirst(user: NewUser, by: Actor): Promise<User | undefined> {
    return this.#calls.write('users.createFirst', user, by, this.#now())
  }

  setPassword(id: string, password: Pick<NewUser, 'passwordHash' | 'mustChangePassword'>, by: Actor): Promise<User> {
    return this.#calls.write('users.setPassword', id, password, by, this.#now())
  }

  setRole(id: string, role: Role, by: Actor): Promise<User> {
    return this.#calls.write('users.setRole', id, role, by, this.#now())
  }

  remove(id: string, by: Actor): Promise<void> {
    return this.#calls.write('users.remove', id, by, this.#now())
  }
}
