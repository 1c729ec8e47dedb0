/**
 * A row that comes when its list has this many goes to another one, which a browser leaves out whole while it is out of
 * sight. A list that the server made stays as it is, up to all rows of its page.
 */
const rowsOfList = 100
/** From here on a row goes to the end, below what has ended: or all would come into one list in time. */
const mostRowsOfList = 300

const endedMoods = ':is([data-mood="done"], [data-mood="failed"], [data-mood="unknown"])'

/**
 * A group and its rows. What comes while it is under way stands before what has ended, as on the page that the server
 * makes; a row that ends stays where it is, as somebody may be reading it.
 */
export class GroupElement {
  readonly key: string
  readonly element: HTMLElement
  readonly members = new Set<string>()
  readonly #first: HTMLElement
  /** Null: none has. Undefined: to be looked for. */
  #firstEnded: Element | null | undefined

  constructor(key: string, element: HTMLElement) {
    this.key = key
    this.element = element
    this.#first = element.querySelector<HTMLElement>('.pulls')!
  }

  /** Whether nothing of it is under way. */
  get over(): boolean {
    return this.element.querySelector(`.pull:not(${endedMoods})`) === null
  }

  add(id: string, row: HTMLElement): void {
    this.members.add(id)
    const over = row.matches(endedMoods)
    const ended = over ? null : this.#endedRow()
    const before = ended !== null && ended.parentElement!.childElementCount < mostRowsOfList ? ended : null
    const list = before?.parentElement ?? this.#lastList()
    list.insertBefore(row, before)
    sizeList(list)
    if (over && this.#firstEnded === null) this.#firstEnded = row
  }

  remove(id: string, row: HTMLElement): void {
    this.members.delete(id)
    const list = row.parentElement!
    row.remove()
    this.rowsChanged()
    if (list !== this.#first && list.childElementCount === 0) list.remove()
    else sizeList(list)
  }

  /** To be called when a row of it has ended, or goes on after all. */
  rowsChanged(): void {
    this.#firstEnded = undefined
  }

  #endedRow(): Element | null {
    if (this.#firstEnded === undefined) this.#firstEnded = this.element.querySelector(`.pull${endedMoods}`)
    return this.#firstEnded
  }

  /** Where the next row goes; a new list where the last one is full. */
  #lastList(): HTMLElement {
    const last = this.#first.parentElement!.lastElementChild as HTMLElement
    if (last.childElementCount < rowsOfList) return last
    const next = this.#first.cloneNode(false) as HTMLElement
    last.after(next)
    return next
  }
}

/** What its height is made of as long as it has not been in sight (styles/live.css). */
const sizeList = (list: HTMLElement) => list.style.setProperty('--rows', String(list.childElementCount))
