import type { Layer } from '../../../../core/contract/pull.ts'
import type { LayerState, Phase } from '../../../../core/contract/words.ts'

type Words = Readonly<Partial<Record<LayerState, string>>>

const stopped: Words = {
  waiting: 'not begun',
  downloading: 'download not finished',
  unpacking: 'unpacking not finished',
}
/** They may be whole by now. */
const lastSeen: Words = {
  waiting: 'last seen waiting',
  downloading: 'last seen downloading',
  unpacking: 'last seen unpacking',
}

/** How far a layer is, in words that fit what became of its pull: the API says where it stood. */
export function layerWords({ state }: Layer, phase: Phase): string {
  if (state === undefined) return ''
  const ended: Words = phase === 'failed' ? stopped : phase === 'unknown' ? lastSeen : {}
  return ended[state] ?? state
}
