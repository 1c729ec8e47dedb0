import type { RuleFault } from '../../../core/rules/faults.ts'
import { type Content, type Html, html, verbatim } from '../../ui/html.ts'
import { faultWords } from './fault-words.ts'

export type FaultsOf = (name: string) => readonly RuleFault[]

/** What a screen reader needs to tell of a field that is wrong. */
export const invalid = (name: string, faultsOf: FaultsOf): Content =>
  faultsOf(name).length > 0 && html` aria-invalid="true" aria-describedby="${faultId(name)}"`

/** Ids hold no blanks and brackets. */
export const idOf = (name: string): string => `f-${name.replaceAll(/[^a-z0-9_]+/gi, '-').replace(/-$/, '')}`
const faultId = (name: string) => `${idOf(name)}-fault`

export const faultLines = (name: string, faultsOf: FaultsOf): Content =>
  faultsOf(name).length > 0 &&
  html`<span class="fault" id="${faultId(name)}">${faultsOf(name).map(faultWords).join(' · ')}</span>`

interface Field {
  readonly name: string
  readonly label: string
  readonly hint?: Content
  readonly faultsOf: FaultsOf
}

export function textField({ name, label, hint, faultsOf }: Field, value: string, attributes: Content = ''): Html {
  return html`<div class="field"><label for="${idOf(name)}">${label}</label>
<input id="${idOf(name)}" name="${name}" value="${verbatim(value)}" autocomplete="off" spellcheck="false"${attributes}${invalid(name, faultsOf)}>
${hint !== undefined && html`<span class="hint">${hint}</span>`}${faultLines(name, faultsOf)}</div>`
}

/** A browser drops the first line break of a text area: that one is ours. */
export function areaField({ name, label, hint, faultsOf }: Field, value: string, rows: number): Html {
  return html`<div class="field"><label for="${idOf(name)}">${label}</label>
<textarea id="${idOf(name)}" name="${name}" rows="${rows}" spellcheck="false"${invalid(name, faultsOf)}>
${verbatim(value)}</textarea>
${hint !== undefined && html`<span class="hint">${hint}</span>`}${faultLines(name, faultsOf)}</div>`
}

export type Choice = readonly [value: string, label: string]

/** A value that is none of the choices is kept as one more. */
export function choiceField({ name, label, hint, faultsOf }: Field, value: string, choices: readonly Choice[]): Html {
  const known = choices.some(([choice]) => choice === value)
  const all: readonly Choice[] = known ? choices : [...choices, [value, value === '' ? '(choose)' : value]]
  return html`<div class="field"><label for="${idOf(name)}">${label}</label>
<select id="${idOf(name)}" name="${name}"${invalid(name, faultsOf)}>${all.map(
    ([choice, text]) =>
      html`<option value="${verbatim(choice)}"${choice === value && html` selected`}>${text}</option>`,
  )}</select>
${hint !== undefined && html`<span class="hint">${hint}</span>`}${faultLines(name, faultsOf)}</div>`
}
