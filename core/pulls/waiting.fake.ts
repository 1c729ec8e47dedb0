import { epochMs } from './build.fake.ts'
import { type KubeletFact, type WaitingContainer, waitingContainer, withFact } from './waiting.ts'

/** Whole seconds after `epochMs`, as the kubelet's events have them. */
export const second = (seconds: number) => epochMs + Math.floor(seconds) * 1000

/** A pod of one container `main` on node-a; a test says only what matters to it. */
export function waitingPod(
  podName: string,
  image: string,
  facts: readonly (KubeletFact | undefined)[] = [],
  more: Partial<WaitingContainer> = {},
): WaitingContainer {
  const container = waitingContainer({
    podUid: `uid-${podName}`,
    namespace: 'shop',
    podName,
    container: 'main',
    workload: undefined,
    image,
    waiting: true,
    deleted: false,
    facts: facts.reduce((all, fact) => (fact === undefined ? all : withFact(all, fact)), {}),
  })
  if (container === undefined) throw new Error(`'${image}' is an image reference`)
  return { ...container, ...more }
}
