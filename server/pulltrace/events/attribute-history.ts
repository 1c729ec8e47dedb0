import { matches, type PullAttributes, type PullFilter } from './filter.ts'

/** Steps kept for a pull; it has some five phases, and its pods change rarely. */
const maxSteps = 8

/**
 * How the attributes that filters look at changed, by event number. It tells what a
 * client that stopped at some number holds, without remembering any client.
 */
export class AttributeHistory {
  /** Undefined: another pull has taken the place of this one, and no filter sees it. */
  readonly #steps: { readonly seq: number; readonly attributes: PullAttributes | undefined }[] = []
  /** The first number ever recorded. Steps after it may have been dropped, if the first one kept is newer. */
  #bornSeq: number | undefined
  #dropped = false

  /** A rule keeps the pull out: no event of it is told any more, its start included. */
  get dropped(): boolean {
    return this.#dropped
  }

  get newest(): PullAttributes | undefined {
    return this.#steps.at(-1)?.attributes
  }

  /** Numbers must rise. Attributes equal to the newest ones add nothing. */
  record(seq: number, pull: PullAttributes): void {
    const { newest } = this
    if (newest !== undefined && sameAttributes(newest, pull)) return
    const { nodeName, imageRef, phase, pods } = pull
    this.#dropped = false
    this.#push(seq, { nodeName, imageRef, phase, pods })
  }

  /** From event `seq` on it matches nothing. */
  gone(seq: number, dropped: boolean): void {
    this.#dropped = dropped
    this.#push(seq, undefined)
  }

  /** Whether the pull matched right after event `seq`. Where that is forgotten: yes, as a needless `left` does no harm. */
  matchedAt(seq: number, filter: PullFilter): boolean {
    const step = this.#steps.findLast(step => step.seq <= seq)
    if (step !== undefined) return sees(filter, step.attributes)
    return this.#bornSeq !== undefined && seq >= this.#bornSeq
  }

  /** The first event after `after` and before `before` with which the pull, as far as is known, did not match. */
  firstLeave(after: number, before: number, filter: PullFilter): number | undefined {
    return this.#steps.find(step => step.seq > after && step.seq < before && !sees(filter, step.attributes))?.seq
  }

  #push(seq: number, attributes: PullAttributes | undefined): void {
    this.#bornSeq ??= seq
    this.#steps.push({ seq, attributes })
    if (this.#steps.length > maxSteps) this.#steps.shift()
  }
}

const sees = (filter: PullFilter, attributes: PullAttributes | undefined) =>
  attributes !== undefined && matches(filter, attributes)

function sameAttributes(a: PullAttributes, b: PullAttributes): boolean {
  if (a.phase !== b.phase || a.imageRef !== b.imageRef || a.nodeName !== b.nodeName) return false
  if (a.pods === b.pods) return true
  return (
    a.pods.length === b.pods.length &&
    a.pods.every((pod, index) => {
      const other = b.pods[index]!
      return pod.namespace === other.namespace && pod.podName === other.podName
    })
  )
}
