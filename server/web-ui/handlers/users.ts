import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { randomPassword } from '../../../core/lib/random-password.ts'
import type { UsersStore } from '../../store/users-store.ts'
import { usersPage } from '../pages/users-page.ts'
import type { Accounts } from '../people/accounts.ts'
import { parseRole, parseUserName } from '../people/parse-people.ts'
import type { Answer, PageRequest, Route } from '../route.ts'

export const userRoutes = (store: UsersStore, accounts: Pick<Accounts, 'hash'>): readonly Route[] => {
  /** What can be mended on the page stands on it. */
  async function orAgain(request: PageRequest, run: () => Promise<Answer>): Promise<Answer> {
    try {
      return await run()
    } catch (reason) {
      const fault = PulltraceError.from(reason)
      if (fault.code !== Code.Invalid && fault.code !== Code.Conflict) throw fault
      const { user: me, csrf, form } = request
      const typed = { name: form.get('name') ?? '', role: form.get('role') ?? 'viewer' }
      const page = usersPage({ users: await store.list(), me, csrf, typed, fault })
      return { page, status: fault.code === Code.Invalid ? 400 : 409 }
    }
  }

  /** Of oneself there are other ways, which cannot lock one out. */
  function idOf({ params, user }: PageRequest): string {
    if (params['id'] !== user.id) return params['id']!
    throw new PulltraceError(Code.Conflict, 'this may not be done to yourself', { fix: 'ask another admin' })
  }

  return [
    {
      method: 'GET',
      path: '/users',
      role: 'admin',
      handle: async ({ user: me, csrf }) => ({ page: usersPage({ users: await store.list(), me, csrf }) }),
    },
    {
      method: 'POST',
      path: '/users',
      role: 'admin',
      handle: request =>
        orAgain(request, async () => {
          const { form, user: me, csrf, actor } = request
          const [name, role] = [parseUserName(form.get('name') ?? ''), parseRole(form.get('role') ?? '')]
          const password = randomPassword()
          const passwordHash = await accounts.hash(password)
          const user = await store.create({ name, role, passwordHash, mustChangePassword: true }, actor)
          return { page: usersPage({ users: await store.list(), me, csrf, given: { user, password } }) }
        }),
    },
    {
      method: 'POST',
      path: '/users/:id/password',
      role: 'admin',
      handle: request =>
        orAgain(request, async () => {
          const { user: me, csrf, actor } = request
          const password = randomPassword()
          const passwordHash = await accounts.hash(password)
          const user = await store.setPassword(idOf(request), { passwordHash, mustChangePassword: true }, actor)
          return { page: usersPage({ users: await store.list(), me, csrf, given: { user, password } }) }
        }),
    },
    {
      method: 'POST',
      path: '/users/:id/role',
      role: 'admin',
      handle: request =>
        orAgain(request, async () => {
          await store.setRole(idOf(request), parseRole(request.form.get('role') ?? ''), request.actor)
          return { seeOther: '/users' }
        }),
    },
    {
      method: 'POST',
      path: '/users/:id/delete',
      role: 'admin',
      handle: request =>
        orAgain(request, async () => {
          await store.remove(idOf(request), request.actor)
          return { seeOther: '/users' }
        }),
    },
  ]
}
