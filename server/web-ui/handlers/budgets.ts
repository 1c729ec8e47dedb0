import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import type { BudgetsStore, CostBudgets } from '../../store/budgets-store.ts'
import { budgetFields, budgetsPage } from '../pages/budgets-page.ts'
import type { Route } from '../route.ts'

const most = 1_000_000_000

type Field = keyof typeof budgetFields
const fields = Object.keys(budgetFields) as Field[]

export const budgetRoutes = (store: BudgetsStore): readonly Route[] => [
  {
    method: 'GET',
    path: '/budgets',
    role: 'admin',
    async handle({ csrf, query }) {
      const budgets = await store.get()
      const typed = typedOf(field => String(budgets[budgetFields[field][0]]))
      return { page: budgetsPage({ csrf, typed, saved: query.has('saved') }) }
    },
  },
  {
    method: 'POST',
    path: '/budgets',
    role: 'admin',
    async handle({ csrf, form, actor }) {
      const typed = typedOf(field => (form.get(field) ?? '').trim())
      try {
        await store.set(parseBudgets(typed), actor)
        return { seeOther: '/budgets?saved' }
      } catch (reason) {
        const fault = PulltraceError.from(reason)
        if (fault.code !== Code.Invalid) throw fault
        return { page: budgetsPage({ csrf, typed, fault }), status: 400 }
      }
    },
  },
]

const typedOf = (read: (field: Field) => string) =>
  Object.fromEntries(fields.map(field => [field, read(field)])) as Record<Field, string>

function parseBudgets(typed: Readonly<Record<Field, string>>): CostBudgets {
  const [scoreWarning, scoreOfRule, scoreOfSet] = fields.map(field => {
    const number = Number(typed[field])
    if (/^\d{1,10}$/.test(typed[field]) && number >= 1 && number <= most) return number
    throw wrong(field, `a whole number from 1 to ${most}`, typed[field])
  }) as [number, number, number]
  // Nobody would ever be warned.
  if (scoreWarning > scoreOfRule) throw wrong('warning', `at most \`rule\`, ${scoreOfRule}`, typed.warning)
  return { scoreWarning, scoreOfRule, scoreOfSet }
}

const wrong = (path: Field, bound: string, seen: string) =>
  new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}`, { path, bound, seen: seenOf(seen) })
