import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { harmless } from '../../../core/lib/harmless.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { KeysStore } from '../../store/keys-store.ts'
import { hashesOf, makeKey } from '../../tk/api-key.ts'
import type { HmacSecret } from '../../tk/secrets.ts'
import { keysPage } from '../pages/keys-page.ts'
import type { Route } from '../route.ts'

const nameBound = '1 to 255 characters without control characters'

export const keyRoutes = (store: KeysStore, secret: () => Promise<HmacSecret>): readonly Route[] => [
  {
    method: 'GET',
    path: '/keys',
    role: 'admin',
    handle: async ({ csrf }) => ({ page: keysPage({ keys: await store.list(), csrf }) }),
  },
  {
    method: 'POST',
    path: '/keys',
    role: 'admin',
    // The answer shows the key, so it is no redirect: what is shown once must be nowhere to be asked for again.
    async handle({ form, csrf, actor }) {
      const typed = form.get('name') ?? ''
      const fault = nameFault(typed.trim())
      if (fault !== undefined) {
        return { page: keysPage({ keys: await store.list(), csrf, typed, fault }), status: 400 }
      }
      const inForce = await secret()
      const made = makeKey(inForce)
      const key = await store.create({ name: typed.trim(), ...hashesOf([inForce], made)[0]! }, actor)
      return { page: keysPage({ keys: await store.list(), csrf, made: { key, text: made.text } }) }
    },
  },
  {
    method: 'POST',
    path: '/keys/:id/revoke',
    role: 'admin',
    async handle({ params, actor }) {
      await store.revoke(params['id']!, actor)
      return { seeOther: '/keys' }
    },
  },
]

function nameFault(name: string): PulltraceError | undefined {
  if (name !== '' && [...name].length <= 255 && harmless(name) === name) return undefined
  const details = { path: 'name', bound: nameBound, seen: seenOf(name) }
  return new PulltraceError(Code.Invalid, `the name must be ${nameBound}`, details)
}
