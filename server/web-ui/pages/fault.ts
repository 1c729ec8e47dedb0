import type { PulltraceError } from '../../../core/lib/errors.ts'
import { type Html, html } from '../../ui/html.ts'

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`

/** What is wrong with a form, above it; the field that it belongs to says `aria-invalid`. */
export const faultNotice = (fault: PulltraceError | undefined): Html | undefined =>
  fault &&
  html`<div class="notice bad" role="alert" id="fault"><p>${sentence(fault.publicMessage)}${fault.details.fix !== undefined && ` ${sentence(fault.details.fix)}`}</p></div>`

/** Attributes of the field of that name, when it is the one that is wrong. */
export const invalid = (fault: PulltraceError | undefined, ...names: readonly string[]): Html | false =>
  fault?.details.path !== undefined &&
  names.includes(fault.details.path) &&
  html` aria-invalid="true" aria-describedby="fault"`
