import { type Static, Type } from 'typebox'
import { Bytes, Count, Timestamp } from './schema.ts'
import { errorCodes, layerStates, phases, pullBounds } from './words.ts'

export const Layer = Type.Object(
  {
    digest: Type.String({
      minLength: 1,
      maxLength: pullBounds.digest,
      description: 'OCI digest of the compressed layer.',
    }),
    mediaType: Type.Optional(
      Type.String({ maxLength: pullBounds.mediaType, description: 'OCI or Docker media type.' }),
    ),
    totalBytes: Bytes('Compressed size; 0 while `totalKnown` is false.'),
    downloadedBytes: Bytes('What containerd holds of it; falls when an ingest starts again.'),
    totalKnown: Type.Boolean({ description: 'False until the manifest is read.' }),
    restarts: Type.Optional(Count('How often its download began again below an earlier offset.')),
    state: Type.Optional(Type.Enum([...layerStates])),
  },
  { description: 'One distinct layer of a pull.' },
)
export type Layer = Static<typeof Layer>

export const PodRef = Type.Object(
  {
    namespace: Type.String(),
    podName: Type.String(),
    container: Type.String(),
    workload: Type.Optional(Type.String({ description: 'Owner as kind/name, such as Deployment/web.' })),
    certain: Type.Boolean({ description: 'False when several pulls could be the one this pod waits for.' }),
  },
  { description: 'A container that waits for this image.' },
)
export type PodRef = Static<typeof PodRef>

export const Violation = Type.Object(
  {
    ruleId: Type.String(),
    name: Type.String({ description: 'Name of the rule when it matched.' }),
    action: Type.String({ description: 'What the rule asks for: fail.' }),
  },
  { description: 'A rule that this pull breaks.' },
)
export type Violation = Static<typeof Violation>

/** A pull as readers see it. Unknown values are absent. */
export const Pull = Type.Object(
  {
    id: Type.String({ description: 'Stable over agent and server restarts; a retry is a new pull.' }),
    nodeName: Type.String(),
    imageRef: Type.String({ description: 'Name the runtime recorded, else host/repository@digest.' }),
    digest: Type.Optional(Type.String({ description: 'Digest of the manifest or index that was asked for.' })),
    phase: Type.Enum([...phases]),
    phaseStartedAt: Type.Record(Type.String(), Timestamp('When the phase began.'), {
      description: 'Time of each phase seen so far.',
    }),
    totalKnown: Type.Boolean(),
    totalBytes: Type.Optional(Bytes('Compressed size of the distinct layers.')),
    downloadedBytes: Bytes('Includes cached bytes.'),
    cachedBytes: Bytes('What was there before the pull began.'),
    unpackedBytes: Bytes('Compressed size of the layers that are unpacked.'),
    percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Of the download; never falls.' })),
    bytesPerSec: Type.Optional(
      Type.Number({
        description: 'Rate over the last 10 s without cached bytes; once ended, the average of the download.',
      }),
    ),
    etaSeconds: Type.Optional(Type.Number({ description: 'Until downloaded, at this rate.' })),
    layerCount: Count('Distinct layers.'),
    layersDone: Count('Layers that need nothing more: cached or unpacked.'),
    restarts: Count('Sum over the layers.'),
    startedAt: Timestamp('By the clock of the node.'),
    completedAt: Type.Optional(Timestamp('When it ended, whatever the end.')),
    queuedMs: Type.Optional(Count('Time in the queue of the kubelet. Unit: milliseconds.')),
    stalledSince: Type.Optional(Timestamp('Time of the last byte; absent while bytes flow.')),
    stale: Type.Boolean({ description: 'The node has stopped reporting: this is what was last known.' }),
    error: Type.Optional(Type.String()),
    errorCode: Type.Optional(Type.Enum([...errorCodes])),
    source: Type.Enum(['agent', 'kubelet']),
    replaces: Type.Optional(Type.Array(Type.String(), { description: 'Queued pulls that this one ends.' })),
    pods: Type.Array(PodRef),
    violations: Type.Optional(Type.Array(Violation, { description: 'Rules of action fail that matched, each once.' })),
    layers: Type.Optional(Type.Array(Layer, { description: 'Only where asked for.' })),
  },
  { $id: 'Pull', description: 'One pull of one image on one node.' },
)
export type Pull = Static<typeof Pull>
