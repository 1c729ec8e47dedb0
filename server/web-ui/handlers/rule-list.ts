import type { TkStore } from '../../store/tk-store.ts'
import { rulesPage } from '../pages/rules-page.ts'
import type { PauseView } from '../pause-view.ts'
import type { Route } from '../route.ts'

export const ruleListRoutes = (
  { rules }: Pick<TkStore, 'rules'>,
  pause: PauseView,
  { links }: { readonly links: boolean },
): readonly Route[] => [
  {
    method: 'GET',
    path: '/',
    role: 'viewer',
    async handle({ query, csrf, may }) {
      const [list, state] = await Promise.all([rules.list(), pause.pause()])
      return {
        page: rulesPage({ rules: list, query, pause: state, csrf: may('editor') ? csrf : undefined, links }),
      }
    },
  },
]
