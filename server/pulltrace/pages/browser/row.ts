import type { Pull } from '../../../../core/contract/pull.ts'
import { type Row, rowOf } from '../live/row.ts'

const texts = ['lead', 'name', 'node', 'phase', 'size', 'rate', 'eta', 'note', 'pods', 'violations'] as const
const widths = ['downloaded', 'cached', 'unpacked'] as const
const bars = { downloaded: '.down', cached: '.cached', unpacked: '.unpacked' } as const

/** The markup of one pull (live/row-view.ts): made from the template or taken over from the server, then only patched. */
export class RowElement {
  readonly element: HTMLLIElement
  readonly #slots = new Map<string, Element>()
  #shown: Row | undefined

  constructor(element: HTMLLIElement) {
    this.element = element
    for (const name of texts) this.#slots.set(name, element.querySelector(`[data-slot="${name}"]`)!)
    for (const name of widths) this.#slots.set(name, element.querySelector(bars[name])!)
  }

  /** Text goes in as text: there is no other way in here. */
  show(pull: Pull, nowMs: number): void {
    const row = rowOf(pull, nowMs)
    const shown = this.#shown
    if (shown?.id !== row.id) {
      this.element.dataset['id'] = row.id
      for (const link of this.element.querySelectorAll('[data-slot="link"]'))
        link.setAttribute('href', `/pulls/${row.id}`)
    }
    if (shown?.mood !== row.mood) this.element.dataset['mood'] = row.mood
    for (const name of texts) if (shown?.[name] !== row[name]) this.#slots.get(name)!.textContent = row[name]
    for (const name of widths) {
      if (shown?.[name] !== row[name]) this.#slots.get(name)!.setAttribute('width', `${row[name]}%`)
    }
    if (shown?.spoken !== row.spoken) {
      this.element.querySelector('[data-slot="bar"]')!.setAttribute('aria-label', row.spoken)
    }
    this.#shown = row
  }
}
