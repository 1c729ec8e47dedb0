import { html as template } from 'hono/html'

/** Markup that was made by `html` or holds nothing to escape. */
export type Html = Exclude<ReturnType<typeof template>, Promise<unknown>>

/** Text that keeps each of its characters: for what a form sends back. It is escaped like all others. */
export class Verbatim {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What may stand between markup. Nothing is shown for false, null and undefined. */
export type Content = Html | Verbatim | string | number | boolean | null | undefined | readonly Content[]

/**
 * Markup with every value escaped, by construction: there is no way to put text in unescaped. Write attributes with
 * quotes. Characters that reorder or hide what surrounds them (bidi and terminal controls) show as `�`.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Html {
  const made = template(strings, ...values.map(shown))
  if (made instanceof Promise) throw new TypeError('a view must not hold a promise')
  return made
}

/** For values of inputs and text areas, which must come back as they were. */
export const verbatim = (text: string): Verbatim => new Verbatim(text)

export const nothing: Html = html``

/** A whole document. */
export const documentOf = (page: Html): string => `<!doctype html>\n${page}\n`

function shown(value: Content): unknown {
  if (typeof value === 'string') return visible(value)
  if (value instanceof Verbatim) return value.text
  return Array.isArray(value) ? value.map(shown) : value
}

/** Half of a surrogate pair is no character either. */
const hidden = /[\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}\u{206A}-\u{206F}]|(?![\t\n\r])\p{Cc}/u
const allHidden = new RegExp(hidden, 'gu')

/** Markup is a String object of its own, never a plain string: what is escaped already passes. */
const visible = (text: string): string => (hidden.test(text) ? text.replace(allHidden, '�') : text)
