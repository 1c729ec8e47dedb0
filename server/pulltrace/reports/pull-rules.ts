import { isTerminal } from '../../../core/contract/words.ts'
import type { PullChange } from '../../../core/pulls/change.ts'
import type { Merged } from '../../../core/pulls/merge.ts'
import type { PullState } from '../../../core/pulls/pull.ts'

/** What rules say of pulls. `sensor/` answers it; none of its calls throws or waits. */
export interface PullRules {
  /** To be asked when a pull or its phase is new, and when it has ended. Asked again, it says the same of what it dropped. */
  judge(pull: PullState): 'keep' | 'dropped'
  /** Whether a rule with an effect on what is shown has matched this pull. */
  knows(id: string): boolean
  /** Whether a pull with this id was dropped. */
  hasDropped(id: string): boolean
  /** The pull with the rules that it breaks; the same object when none is known. */
  marked(pull: PullState): PullState
}

type Step = Pick<Merged, 'changes' | 'ended'>

/**
 * A step as readers and the history may have it: what rules drop is not stored and leaves every stream, what breaks
 * them is marked. May be done again with what is left of the same step: a drop is said each time, and heard once.
 * `before`: the node's pulls so far.
 */
export function judged<S extends Step>(
  rules: PullRules | undefined,
  before: ReadonlyMap<string, PullState> | undefined,
  step: S,
): S {
  if (rules === undefined) return step
  // The common report moves bytes, and no rule looks at those alone.
  const touched = step.ended.length > 0 || step.changes.some(each => isNew(each, before) || rules.knows(each.pull.id))
  if (!touched) return step
  const asked = new Set<string>()
  const isDropped = (pull: PullState, isNew: boolean) => {
    if (!isNew || asked.has(pull.id)) return rules.hasDropped(pull.id)
    asked.add(pull.id)
    return rules.judge(pull) === 'dropped'
  }
  // Ends first: the change that tells of one may wait for the kubelet's reason, its record does not.
  const dropped: PullChange[] = []
  const ended: PullState[] = []
  for (const pull of step.ended) {
    if (isDropped(pull, true)) dropped.push(dropOf(pull))
    else ended.push(rules.marked(pull))
  }
  const changes = step.changes.map(change =>
    isDropped(change.pull, isNew(change, before)) ? dropOf(change.pull) : markedChange(change, rules),
  )
  return { ...step, changes: [...dropped, ...changes], ended }
}

/** A reason that comes after the end is none: that end was judged and told. */
function isNew({ type, pull }: PullChange, before: ReadonlyMap<string, PullState> | undefined): boolean {
  if (type !== 'pull.progress') return true
  // What only a kubelet tells of is queued from its start to its end.
  if (isTerminal(pull.phase) || pull.source === 'kubelet') return false
  return before?.get(pull.id)?.phase !== pull.phase
}

const dropOf = (pull: PullState): PullChange => ({ type: 'pull.progress', pull, dropped: true })

function markedChange(change: PullChange, rules: PullRules): PullChange {
  const pull = rules.marked(change.pull)
  return pull === change.pull ? change : { ...change, pull }
}
