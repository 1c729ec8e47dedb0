import { matches, type PullAttributes, type PullFilter } from './filter.ts'

/** Steps kept for a pull; it has some five phases, and its pods change rarely. */
const maxSteps = 8

/**
 * How the attributes that filters look at changed, by event number. It tells what a
 * client that stopped at some number holds, without remembering any client.
 */
export class AttributeHistory {
  readonly #steps: { readonly seq: number; readonly attributes: PullAttributes }[] = []
  /** The first number ever recorded. Steps after it may have been dropped, if the first one kept is newer. */
  #bornSeq: number | undefined

  get newest(): PullAttributes | undefined {
    return this.#steps.at(-1)?.attributes
  }

  /** Numbers must rise. Attributes equal to the newest ones add nothing. */
  record(seq: number, pull: PullAttributes): void {
    const { newest } = this
    if (newest !== undefined && sameAttributes(newest, pull)) return
    const { nodeName, imageRef, phase, pods } = pull
    this.#bornSeq ??= seq
    this.#steps.push({ seq, attributes: { nodeName, imageRef, phase, pods } })
    if (this.#steps.length > maxSteps) this.#steps.shift()
  }

  /** Whether the pull matched right after event `seq`. Where that is forgotten: yes, as a needless `left` does no harm. */
  matchedAt(seq: number, filter: PullFilter): boolean {
    const step = this.#steps.findLast(step => step.seq <= seq)
    return step === undefined ? this.#forgotten(seq) : matches(filter, step.attributes)
  }

  /** Whether the pull did not match at some time after event `after` and before event `before`. Where forgotten: yes. */
  leftBetween(after: number, before: number, filter: PullFilter): boolean {
    if (this.#forgotten(after)) return true
    return this.#steps.some(step => step.seq > after && step.seq < before && !matches(filter, step.attributes))
  }

  /** Whether the pull was there at `seq`, with attributes that are no longer kept. */
  #forgotten(seq: number): boolean {
    return this.#bornSeq !== undefined && seq >= this.#bornSeq && seq < this.#steps[0]!.seq
  }
}

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
