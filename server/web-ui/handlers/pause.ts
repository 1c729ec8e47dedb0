import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { PauseState, RulesStore } from '../../store/rules-store.ts'
import { backPath } from '../../ui/http/forms.ts'
import type { PauseView } from '../pause-view.ts'
import type { Answer, PageRequest, Route } from '../route.ts'

const whyBound = '1 to 500 characters'

/** The emergency pause of all rules. */
export function pauseRoutes(rules: Pick<RulesStore, 'pause' | 'resume'>, view: PauseView): readonly Route[] {
  const answer = ({ wantsJson, form }: PageRequest, state: PauseState): Answer => {
    view.forget()
    return wantsJson ? { json: jsonOf(state) } : { seeOther: backPath(form.get('back')) }
  }
  return [
    {
      method: 'GET',
      path: '/api/admin/rules/status',
      role: 'viewer',
      async handle() {
        const { pause, revision, rules } = await view.snapshot()
        return { json: { ...jsonOf(pause), active_rules: rules.length, revision } }
      },
    },
    {
      method: 'POST',
      path: '/api/admin/rules/pause',
      role: 'editor',
      async handle(request) {
        const why = (request.form.get('why') ?? '').trim()
        if (why === '' || [...why].length > 500) {
          const details = { path: 'why', bound: whyBound, seen: `${[...why].length} characters` }
          throw new PulltraceError(Code.Invalid, 'say why the rules are paused: everybody will read it', details)
        }
        return answer(request, await rules.pause(why, request.actor))
      },
    },
    {
      method: 'POST',
      path: '/api/admin/rules/resume',
      role: 'editor',
      handle: async request => answer(request, await rules.resume(request.actor)),
    },
  ]
}

const jsonOf = ({ paused, by, why, sinceMs }: PauseState) => ({
  ...{ paused, by, why },
  since: sinceMs === undefined ? undefined : new Date(sinceMs).toISOString(),
})
