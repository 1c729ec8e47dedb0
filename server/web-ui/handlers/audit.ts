import type { AuditStore } from '../../store/audit-store.ts'
import { auditPage } from '../pages/audit-page.ts'
import type { Route } from '../route.ts'

const pageSize = 50

export const auditRoutes = (store: AuditStore): readonly Route[] => [
  {
    method: 'GET',
    path: '/audit',
    role: 'admin',
    async handle({ query }) {
      const asked = (name: string) => query.get(name)?.trim() || undefined
      const filter = { actor: asked('actor'), action: asked('action'), target: asked('target') }
      return { page: auditPage(await store.search(pageSize, asked('cursor'), filter), query) }
    },
  },
]
