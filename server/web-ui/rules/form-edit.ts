import { emptyCondition, type RuleForm } from './form.ts'

/** Values of the buttons that change the shape of a form; they work without scripts. */
export const addGroup = 'add-group'
export const addCondition = (group: number): string => `add-condition ${group}`
export const removeGroup = (group: number): string => `remove-group ${group}`
export const removeCondition = (group: number, condition: number): string => `remove-condition ${group} ${condition}`

/** The form with a group or condition more or less; undefined when the button is another one. */
export function editForm(form: RuleForm, button: string): RuleForm | undefined {
  const [what, group = '', condition = ''] = button.split(' ')
  const [groupAt, conditionAt] = [Number(group), Number(condition)]
  const { any } = form
  if (what === 'add-group') return { ...form, any: [...any, [emptyCondition]] }
  if (what === 'add-condition') {
    return { ...form, any: any.map((all, at) => (at === groupAt ? [...all, emptyCondition] : all)) }
  }
  if (what === 'remove-group') return { ...form, any: any.filter((_, at) => at !== groupAt) }
  if (what !== 'remove-condition') return undefined
  const without = any.map((all, at) => (at === groupAt ? all.filter((_, index) => index !== conditionAt) : all))
  return { ...form, any: without }
}
