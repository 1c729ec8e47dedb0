import assert from 'node:assert/strict'
import fc from 'fast-check'
import { html, verbatim } from './html.ts'

describe('html', () => {
  it('shows any text as text, in markup and in attributes', () => {
    const tags = (page: unknown) => String(page).match(/<[^>]*>/g)
    const view = (text: string) => html`<p title="${text}">${text}${[text, html`<b>${text}</b>`]}</p>`
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'<>"\'&/=a `\u202e\0') }), text => {
        const made = view(text)
        assert.deepEqual(tags(made)?.length, 4)
        assert.equal(
          String(made)
            .replaceAll(/<p title="[^"<>]*">|<\/?b>|<\/p>/g, '')
            .includes('<'),
          false,
        )
      }),
    )
  })

  it('puts markup into markup as it is, and leaves out what is not there', () => {
    const parts = [html`<i>a</i>`, false, null, undefined, 0, html`<i>b</i>`]
    assert.equal(String(html`<p>${parts}</p>`), '<p><i>a</i>0<i>b</i></p>')
  })

  it('shows that there were characters that would reorder or hide others', () => {
    assert.equal(String(html`${'app\u202egpj.exe \u001b[31m half \ud83d 😀\n'}`), 'app�gpj.exe �[31m half � 😀\n')
  })

  it('gives a form back what it had, escaped', () => {
    assert.equal(
      String(html`<textarea>${verbatim('\u202e</textarea>')}</textarea>`),
      '<textarea>\u202e&lt;/textarea&gt;</textarea>',
    )
  })
})
