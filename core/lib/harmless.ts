/** Longer texts are cut before anything else is done with them. Characters. */
const maxLength = 4096

/**
 * Text from outside, made safe to print: it stays on its line, cannot move the cursor, colour or
 * name the terminal (C0, C1, ESC), reorder what surrounds it (bidi controls) or pile marks over
 * other lines. What is replaced shows as `�`, so that a reader sees that something was there.
 */
export function harmless(text: string): string {
  // Image references are ASCII: nothing is lost on nearly every call.
  if (/^[ -~]*$/.test(text) && text.length <= maxLength) return text
  return text
    .slice(0, maxLength)
    .replace(/[\t\n\v\f\r\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[\p{Cc}\p{Cs}\p{Co}]/gu, '�')
    .replace(/[\p{Bidi_Control}\u{206A}-\u{206F}]/gu, '�')
    .replace(/[\p{Cf}\p{Cn}\p{Variation_Selector}]/gu, '')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1')
}

/** JSON on one line whose text cannot reach a terminal as anything but text; still the same JSON. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, found =>
    [...Array(found.length).keys()].map(at => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}
