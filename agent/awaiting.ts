import type { AwaitedPull, ReportedPull } from '../core/contract/agent-report.ts'
import { unresolvedImage } from '../core/contract/words.ts'
import { type Ending, endingOf } from './ending.ts'
import { recordOf, repositoryOf, withoutPort } from './image-name.ts'
import type { GoneLease, PullSource, SeenImage } from './source.ts'

/**
 * Answers for a pull that the server saw and we do not: it ended while no agent looked, or
 * under another agent. What the runtime holds now decides; where it cannot, the end is `unknown`.
 */
export async function answerAwaited(
  awaited: AwaitedPull,
  source: Pick<PullSource, 'evidenceOf'>,
  atMs: number,
): Promise<ReportedPull> {
  const { digest } = awaited
  const startedMs = Date.parse(awaited.startedAt)
  const evidence = digest === undefined ? undefined : await source.evidenceOf({ digest, startedMs })
  return endedOf(awaited, startedMs, evidence, atMs)
}

function endedOf(
  awaited: AwaitedPull,
  startedMs: number,
  evidence: GoneLease['evidence'] | undefined,
  atMs: number,
): ReportedPull {
  const { id, imageRef, digest, startedAt } = awaited
  const repositories = imageRef === unresolvedImage ? [] : [withoutPort(repositoryOf(imageRef))]
  const image: SeenImage = { digest: digest ?? '', repositories, platform: undefined, layers: undefined }
  const fresh = evidence?.records.filter(({ updatedMs }) => updatedMs >= startedMs) ?? []
  const record = recordOf(image, fresh, () => false)
  const ending: Ending =
    evidence && hasSaid(evidence, startedMs)
      ? endingOf({ ...leaseOf(startedMs), image, evidence }, record, false, atMs)
      : { phase: 'unknown', endedMs: atMs, error: null }
  return {
    id,
    imageRef: record?.name ?? imageRef,
    ...(digest !== undefined && { digest }),
    phase: ending.phase,
    startedAt,
    completedAt: new Date(Math.max(startedMs, Math.floor(ending.endedMs))).toISOString(),
    totalKnown: false,
    error: ending.error,
    // The server keeps the layers that it has.
    layers: [],
  }
}

/** A manifest that was collected, or content that is all there without a record, tells nothing. */
const hasSaid = ({ records, topSnapshotMs, contentComplete }: GoneLease['evidence'], startedMs: number) =>
  records.some(({ updatedMs }) => updatedMs >= startedMs) ||
  (topSnapshotMs ?? 0) >= startedMs ||
  contentComplete === false

const leaseOf = (createdMs: number) =>
  ({ namespace: '', leaseId: '', createdAt: '', createdMs, because: 'deleted' }) as const
