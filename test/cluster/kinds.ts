import { eventually } from '../eventually.ts'
import type { ControlPlane } from './control-plane.ts'

/**
 * Resolves once kubectl can be given objects of a kind that was just applied: it is Established, and stands in what the
 * API server says that it serves. `kubectl wait` fails at once on a definition without conditions, which every new one is.
 */
export async function untilServed(plane: Pick<ControlPlane, 'kubectl'>, plural: string): Promise<void> {
  await eventually(`${plural} are served`, async () => (await plane.kubectl(['get', plural])).code === 0, 60_000)
}
