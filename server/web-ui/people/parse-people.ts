import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { harmless } from '../../../core/lib/harmless.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import { nameKeyOf, type Role, roles } from '../../store/users-store.ts'

export const nameBound = '1 to 64 characters, without spaces around it and without control characters'
export const passwordBound = '12 to 128 characters, and not the user name'

const lengthOf = (text: string) => [...text].length

/** @throws Code.Invalid */
export function parseUserName(text: string): string {
  const name = text.normalize('NFC')
  // The name stands in the audit log and on pages: it must look like what it is.
  if (name !== '' && lengthOf(name) <= 64 && name.trim() === name && harmless(name) === name) return name
  throw new PulltraceError(Code.Invalid, `the user name must be ${nameBound}`, {
    ...{ path: 'name', bound: nameBound, seen: seenOf(text) },
  })
}

/** @throws Code.Invalid, without a word of the password. */
export function checkPassword(password: string, userName: string): void {
  const length = lengthOf(password)
  const isName = nameKeyOf(password) === nameKeyOf(userName)
  if (length >= 12 && length <= 128 && !isName) return
  throw new PulltraceError(Code.Invalid, `the password must be ${passwordBound}`, {
    ...{ path: 'password', bound: passwordBound, seen: isName ? 'the user name' : `${length} characters` },
  })
}

/** @throws Code.Invalid */
export function parseRole(text: string): Role {
  const role = roles.find(each => each === text)
  if (role !== undefined) return role
  const bound = `one of ${roles.join(', ')}`
  throw new PulltraceError(Code.Invalid, `the role must be ${bound}`, { path: 'role', bound, seen: seenOf(text) })
}
