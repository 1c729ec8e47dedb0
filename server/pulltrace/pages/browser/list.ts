import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { harmless } from '../../../../core/lib/harmless.ts'
import type { News } from '../live/follower.ts'
import { type Grouping, groupOf, groupSentence } from '../live/group.ts'
import { inOrder, namedBy } from '../live/pieces.ts'
import { imageParts } from '../live/row.ts'
import { GroupElement } from './group-element.ts'
import { RowElement } from './row.ts'

/** What one frame may spend on rows, so that the page stays smooth. Milliseconds. */
const frameBudgetMs = 8

interface ListParts {
  readonly root: HTMLElement
  readonly by: Grouping
  /** Most rows shown. */
  readonly cap: number
  /** Whether the page's filter lets it through. */
  readonly wanted: (pull: Pull) => boolean
  /** Called after a frame in which something changed. */
  readonly changed: (list: PullList) => void
}

/** The rows of the page in their groups. News only marks what changed; rows are patched once a frame. */
export class PullList {
  readonly #parts: ListParts
  readonly #groupsElement: HTMLElement
  readonly #rowTemplate: HTMLTemplateElement
  readonly #groupTemplate: HTMLTemplateElement
  readonly #rows = new Map<string, { readonly row: RowElement; key: string }>()
  readonly #groups = new Map<string, GroupElement>()
  /** The first of which nothing is under way. Null: there is none. Undefined: to be looked for. */
  #firstOver: Element | null | undefined
  readonly #dirty = new Set<string>()
  readonly #dirtyGroups = new Set<string>()
  readonly pulls = new Map<string, Pull>()
  #framed = false

  constructor(parts: ListParts) {
    this.#parts = parts
    this.#groupsElement = parts.root.querySelector('#groups')!
    this.#rowTemplate = parts.root.querySelector('template#row')!
    this.#groupTemplate = parts.root.querySelector('template#group')!
  }

  get shown(): number {
    return this.#rows.size
  }

  /** Takes over the rows that the server made. Returns the pulls that they tell of. */
  adopt(): Pull[] {
    const pulls: Pull[] = []
    for (const element of this.#groupsElement.querySelectorAll<HTMLElement>('.group')) {
      const key = element.dataset['key']!
      const group = this.#adoptGroup(key, element)
      for (const item of element.querySelectorAll<HTMLLIElement>('.pull')) {
        const id = item.dataset['id']!
        this.#rows.set(id, { row: new RowElement(item), key })
        group.members.add(id)
        const json = item.dataset['pull']
        delete item.dataset['pull']
        if (json === undefined) continue
        const pull = JSON.parse(json) as Pull
        this.pulls.set(id, pull)
        pulls.push(pull)
      }
    }
    return pulls
  }

  take(news: News): void {
    if (news.kind === 'link') return
    if (news.kind === 'all') {
      const named = namedBy(news)
      for (const id of [...this.pulls.keys(), ...this.#rows.keys()]) if (!named.has(id)) this.#remove(id)
    } else for (const id of news.gone) this.#remove(id)
    const pulls = news.kind === 'all' ? inOrder(news.pulls) : news.pulls
    for (const pull of pulls) {
      if (!this.#parts.wanted(pull)) {
        this.#remove(pull.id)
        continue
      }
      this.pulls.set(pull.id, pull)
      this.touch(pull.id)
    }
  }

  touch(id: string): void {
    this.#dirty.add(id)
    this.#frameSoon()
  }

  /** The groups that have rows. */
  groupKeys(): string[] {
    return [...this.#groups.keys()]
  }

  setSentence(key: string, text: string): void {
    const slot = this.#groups.get(key)?.element.querySelector('[data-slot="sentence"]')
    if (slot && slot.textContent !== text) slot.textContent = text
  }

  #remove(id: string): void {
    this.pulls.delete(id)
    // A tab out of sight draws no frames: what never had a row must not wait for one.
    if (this.#rows.has(id)) this.#dirty.add(id)
    else this.#dirty.delete(id)
    this.#frameSoon()
  }

  #frameSoon(): void {
    if (this.#framed) return
    this.#framed = true
    requestAnimationFrame(() => {
      this.#framed = false
      this.#frame()
    })
  }

  #frame(): void {
    const endMs = performance.now() + frameBudgetMs
    const nowMs = Date.now()
    for (const id of this.#dirty) {
      this.#dirty.delete(id)
      this.#patch(id, nowMs)
      if (performance.now() > endMs) break
    }
    if (this.#dirty.size > 0) this.#frameSoon()
    else this.#fill()
    for (const key of this.#dirtyGroups) this.#tellGroup(key)
    this.#dirtyGroups.clear()
    this.#parts.changed(this)
  }

  #patch(id: string, nowMs: number): void {
    const pull = this.pulls.get(id)
    const at = this.#rows.get(id)
    if (pull === undefined) {
      if (at !== undefined) this.#drop(id, at.row, at.key)
      return
    }
    const key = groupOf(pull, this.#parts.by)
    if (at === undefined && this.#rows.size >= this.#parts.cap) return
    const row = at?.row ?? new RowElement(this.#rowTemplate.content.firstElementChild!.cloneNode(true) as HTMLLIElement)
    const mood = row.element.dataset['mood']
    row.show(pull, nowMs)
    this.#dirtyGroups.add(key)
    const from = at && this.#groups.get(at.key)
    if (from !== undefined && row.element.dataset['mood'] !== mood) {
      from.rowsChanged()
      this.#firstOver = undefined
    }
    if (from?.key === key) return
    const group = this.#groups.get(key) ?? this.#newGroup(key)
    this.#place(group, from, isTerminal(pull.phase))
    if (from !== undefined) this.#drop(id, row, from.key)
    group.add(id, row.element)
    this.#rows.set(id, { row, key })
  }

  /** What is under way stands before what is over. `from`: where the row that makes it move was before. */
  #place(group: GroupElement, from: GroupElement | undefined, ended: boolean): void {
    const begins = group.members.size === 0
    // One whose name became known stays where it was.
    if (begins && from !== undefined) from.element.after(group.element)
    else if (!ended && group.over) {
      this.#groupsElement.insertBefore(group.element, this.#overGroup())
      if (this.#firstOver === group.element) this.#firstOver = undefined
    } else if (begins) {
      this.#groupsElement.append(group.element)
      if (this.#firstOver === null) this.#firstOver = group.element
    }
  }

  #overGroup(): Element | null {
    if (this.#firstOver !== undefined) return this.#firstOver
    const over = (element: Element) => this.#groups.get((element as HTMLElement).dataset['key']!)?.over === true
    this.#firstOver = [...this.#groupsElement.children].find(over) ?? null
    return this.#firstOver
  }

  /** Rows that left make room for those above the cap. */
  #fill(): void {
    if (this.#rows.size >= Math.min(this.#parts.cap, this.pulls.size)) return
    for (const id of this.pulls.keys()) {
      if (!this.#rows.has(id)) this.touch(id)
      if (this.#rows.size + this.#dirty.size >= this.#parts.cap) return
    }
  }

  #drop(id: string, row: RowElement, key: string): void {
    this.#rows.delete(id)
    const group = this.#groups.get(key)!
    group.remove(id, row.element)
    this.#firstOver = undefined
    this.#dirtyGroups.add(key)
    if (group.members.size > 0) return
    group.element.remove()
    this.#groups.delete(key)
  }

  #newGroup(key: string): GroupElement {
    const element = this.#groupTemplate.content.firstElementChild!.cloneNode(true) as HTMLElement
    element.dataset['key'] = key
    const { lead, name } = this.#parts.by === 'image' ? imageParts(key) : { lead: '', name: harmless(key) }
    element.querySelector('[data-slot="lead"]')!.textContent = lead
    element.querySelector('[data-slot="name"]')!.textContent = name
    return this.#adoptGroup(key, element)
  }

  #adoptGroup(key: string, element: HTMLElement): GroupElement {
    const group = new GroupElement(key, element)
    this.#groups.set(key, group)
    return group
  }

  #tellGroup(key: string): void {
    const { by } = this.#parts
    if (by === 'image' || by === 'none') return
    const members = [...(this.#groups.get(key)?.members ?? [])].flatMap(id => this.pulls.get(id) ?? [])
    this.setSentence(key, groupSentence(members))
  }
}
