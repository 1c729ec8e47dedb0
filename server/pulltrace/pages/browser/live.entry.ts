import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { matches, parsePullFilter } from '../../events/filter.ts'
import type { Link } from '../live/follower.ts'
import { type Grouping, imageSentence } from '../live/group.ts'
import type { ImageNodes } from '../live/image-book.ts'
import { namesOf } from '../live/image-names.ts'
import { summaryOf } from '../live/summary.ts'
import { ask } from './ask.ts'
import { follow, linkTexts } from './follow.ts'
import { watchLayers } from './layers.ts'
import { PullList } from './list.ts'

const figuresEveryMs = 250
const tickEveryMs = 1000
const imagesEveryMs = 1000
/** Of one question: their names are in its address. */
const imagesAtOnce = 20

const root = document.querySelector<HTMLElement>('#live')
if (root !== null) start(root)

function start(root: HTMLElement): void {
  const { by, cap, worker, seed } = root.dataset as { by: Grouping; cap: string; worker: string; seed?: string }
  const filter = parsePullFilter(new URLSearchParams(location.search))
  const slot = (name: string) => root.querySelector<HTMLElement>(`[data-slot="${name}"]`)!

  let figuresDue = false
  const changed = () => {
    if (figuresDue) return
    figuresDue = true
    setTimeout(() => {
      figuresDue = false
      showFigures()
    }, figuresEveryMs)
  }
  const list = new PullList({
    root,
    by,
    cap: cap === '' ? Number.POSITIVE_INFINITY : Number(cap),
    wanted: (pull: Pull) => matches(filter, pull),
    changed,
  })

  function showFigures(): void {
    const summary = summaryOf(list.pulls.values())
    for (const [name, text] of Object.entries(summary)) setText(slot(name), text)
    root.querySelector('[data-figure="failing"]')!.toggleAttribute('data-zero', summary.failing === '0')
    const hidden = list.pulls.size - list.shown
    setText(slot('rest'), String(hidden))
    root.querySelector<HTMLElement>('#rest')!.hidden = hidden <= 0
    root.querySelector<HTMLElement>('#empty')!.hidden = list.pulls.size > 0
  }

  const link = root.querySelector<HTMLElement>('#link')!
  const showLink = (state: Link) => {
    link.dataset['link'] = state
    slot('link-text').textContent = linkTexts[state]
    if (state !== 'refused') return
    const signIn = document.createElement('a')
    signIn.href = `/sign-in?back=${encodeURIComponent(location.pathname + location.search)}`
    signIn.textContent = 'Sign in'
    slot('link-text').append(' ', signIn)
  }

  /** Images whose nodes may count otherwise now: something of them began or ended. */
  const images = new Set<string>()
  const phases = new Map<string, Pull['phase']>()
  const noteImage = (pull: Pull) => {
    const { id, phase } = pull
    if (by !== 'image' || phases.get(id) === phase) return
    if (!phases.has(id) || isTerminal(phase)) for (const name of namesOf(pull)) images.add(name)
    if (isTerminal(phase)) phases.delete(id)
    else phases.set(id, phase)
  }

  const pulls = list.adopt()
  for (const { id, phase } of pulls) if (!isTerminal(phase)) phases.set(id, phase)
  follow(worker, { lastEventId: seed, pulls }, news => {
    if (news.kind === 'link') {
      showLink(news.link)
      return
    }
    if (news.kind === 'changes') for (const id of news.gone) phases.delete(id)
    for (const pull of news.pulls) noteImage(pull)
    list.take(news)
  })
  watchLayers(root)
  setInterval(() => {
    for (const pull of list.pulls.values()) if (pull.stalledSince !== undefined) list.touch(pull.id)
  }, tickEveryMs)
  setInterval(() => void tellImages(list, images), imagesEveryMs)
}

async function tellImages(list: PullList, images: Set<string>): Promise<void> {
  if (images.size === 0) return
  // Also out of sight, where nobody asks: or every image of the day would be waiting there.
  const held = new Set([...list.pulls.values()].map(({ imageRef }) => imageRef))
  for (const image of images) if (!held.has(image)) images.delete(image)
  const shown = new Set(list.groupKeys())
  const asked = [...images].filter(image => shown.has(image)).slice(0, imagesAtOnce)
  if (asked.length === 0 || document.hidden) return
  for (const image of asked) images.delete(image)
  const query = new URLSearchParams(asked.map(image => ['image', image]))
  const told = await ask(`/pages/images?${query}`)
    .then(async answer => (answer.ok ? ((await answer.json()) as { items: ImageNodes[] }) : undefined))
    .catch(() => undefined)
  // Asked again with the next question: nobody else tells what changed meanwhile.
  if (told === undefined) for (const image of asked) images.add(image)
  for (const item of told?.items ?? []) list.setSentence(item.imageRef, imageSentence(item))
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
