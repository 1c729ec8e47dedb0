import type { TkStore } from '../../store/tk-store.ts'
import { rulesPage } from '../pages/rules-page.ts'
import type { PauseView } from '../pause-view.ts'
import type { Route } from '../route.ts'
import type { RuleMatches } from '../rule-matches.ts'

export const ruleListRoutes = (
  { rules }: Pick<TkStore, 'rules'>,
  pause: PauseView,
  matches: RuleMatches,
  { links }: { readonly links: boolean },
): readonly Route[] => [
  {
    method: 'GET',
    path: '/',
    role: 'viewer',
    async handle({ query, csrf, may }) {
      const [list, state, counts] = await Promise.all([rules.list(), pause.pause(), matches.counts()])
      return {
        page: rulesPage({
          rules: list,
          query,
          pause: state,
          matches: counts,
          csrf: may('editor') ? csrf : undefined,
          links,
          maySetBudgets: may('admin'),
        }),
      }
    },
  },
]
