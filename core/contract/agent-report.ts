import { type Static, Type } from 'typebox'
import { Code, PulltraceError } from '../lib/errors.ts'
import { seenOf } from '../lib/seen.ts'
import { Layer } from './pull.ts'
import { Count, Nullable, Timestamp, validatorOf } from './schema.ts'
import { errorCodes, isTerminal, pullBounds, pullIdPattern, reportedPhases } from './words.ts'

const nodeName = Type.String({
  minLength: 1,
  maxLength: 253,
  pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
  description: 'Name of the Node object.',
})
const imageRef = Type.String({
  minLength: 1,
  maxLength: pullBounds.imageRef,
  description: 'Name of the image record, else host/repository@digest.',
})
const layers = Type.Array(Layer, { maxItems: pullBounds.layers })

export const PullError = Type.Object({
  code: Type.Enum([...errorCodes]),
  message: Type.String({ maxLength: 4096 }),
})
export type PullError = Static<typeof PullError>

export const ReportedPull = Type.Object({
  id: Type.String({ pattern: pullIdPattern, description: 'See Pull.id.' }),
  imageRef,
  repository: Type.Optional(Type.String({ maxLength: pullBounds.repository, description: 'host/repository.' })),
  digest: Type.Optional(Type.String({ maxLength: pullBounds.digest })),
  platform: Type.Optional(Type.String({ maxLength: pullBounds.platform, description: 'os/architecture[/variant].' })),
  phase: Type.Enum([...reportedPhases]),
  startedAt: Timestamp('When the lease was made.'),
  completedAt: Type.Optional(Nullable(Timestamp('When the pull ended.'))),
  totalKnown: Type.Boolean({ description: 'Whether `layers` is complete, with true sizes.' }),
  error: Type.Optional(Nullable(PullError)),
  layers,
})
export type ReportedPull = Static<typeof ReportedPull>

export const AgentReport = Type.Object(
  {
    nodeName,
    timestamp: Timestamp('When the snapshot was taken, by the clock of the node.'),
    agent: Type.Object({
      version: Type.String({ maxLength: 64 }),
      epoch: Type.String({ minLength: 8, maxLength: 64, description: 'Random, new at each start of the agent.' }),
      seq: Count('Rises by one with each report of the epoch.'),
    }),
    runtime: Type.Optional(
      Type.Object({ name: Type.String({ maxLength: 64 }), version: Type.String({ maxLength: 64 }) }),
    ),
    droppedTerminal: Type.Optional(Count('Ended pulls the agent had to forget since it started.')),
    pulls: Type.Array(ReportedPull, { maxItems: 20_000 }),
  },
  { $id: 'AgentReport', description: 'A full snapshot of the pulls of one node.' },
)
export type AgentReport = Static<typeof AgentReport>

/** The wire of agents that came before: no epoch, no ids, no phases. */
export const AgentReportV1 = Type.Object(
  {
    nodeName,
    timestamp: Timestamp('When the snapshot was taken.'),
    pulls: Type.Array(
      Type.Object({
        imageRef,
        layers,
        startedAt: Timestamp('When the pull began.'),
        totalKnown: Type.Boolean(),
        completedAt: Type.Optional(Nullable(Type.String({ maxLength: 40 }))),
        error: Type.Optional(Nullable(Type.String({ maxLength: 4096 }))),
      }),
      { maxItems: 20_000 },
    ),
  },
  { $id: 'AgentReportV1', description: 'A report without `agent`.' },
)
export type AgentReportV1 = Static<typeof AgentReportV1>

export const AwaitedPull = Type.Object({
  id: Type.String(),
  imageRef: Type.String(),
  digest: Type.Optional(Type.String()),
  startedAt: Timestamp('As the agent reported it.'),
})
export type AwaitedPull = Static<typeof AwaitedPull>

export const AgentReportAnswer = Type.Object(
  {
    accepted: Type.Boolean({ description: 'False: the report was older than what the server has.' }),
    reason: Type.Optional(Type.String({ description: "'stale' when not accepted." })),
    acknowledged: Type.Boolean({ description: 'Whether the ended pulls of this report are safely stored.' }),
    reportIntervalMs: Type.Integer({ minimum: 1 }),
    idleReportIntervalMs: Type.Integer({ minimum: 1 }),
    awaiting: Type.Array(AwaitedPull, { description: 'Active pulls that the server knows and this report lacks.' }),
  },
  { $id: 'AgentReportAnswer' },
)
export type AgentReportAnswer = Static<typeof AgentReportAnswer>

const report = validatorOf('report', AgentReport)
const reportV1 = validatorOf('report', AgentReportV1)

/** Throws Code.Invalid at the first fault; what passes is wholly good, so a bad report never half applies. */
export function parseAgentReport(value: unknown): AgentReport | AgentReportV1 {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'agent')) return reportV1.parse(value)
  const parsed = report.parse(value)
  const twins = twinsIn(parsed.pulls, ({ id }) => id)
  for (let index = 0; index < parsed.pulls.length; index++) {
    const pull = parsed.pulls[index]!
    const twin = twins(index)
    if (twin >= 0) throw fault(`pulls[${index}].id`, `unique in the report (pulls[${twin}] has it too)`, pull.id)
    if (isTerminal(pull.phase) && !pull.completedAt) {
      throw fault(`pulls[${index}].completedAt`, `present when phase is '${pull.phase}'`, pull.completedAt)
    }
    checkLayers(index, pull)
  }
  return parsed
}

export const isV1 = (parsed: AgentReport | AgentReportV1): parsed is AgentReportV1 => !('agent' in parsed)

function checkLayers(pull: number, { layers }: ReportedPull): void {
  const twins = twinsIn(layers, ({ digest }) => digest)
  for (let index = 0; index < layers.length; index++) {
    const layer = layers[index]!
    if (twins(index) >= 0) {
      throw fault(`pulls[${pull}].layers[${index}].digest`, 'unique in the pull', layer.digest)
    }
    if (layer.totalKnown && layer.downloadedBytes > layer.totalBytes) {
      const bound = `less than or equal to totalBytes (${layer.totalBytes})`
      throw fault(`pulls[${pull}].layers[${index}].downloadedBytes`, bound, layer.downloadedBytes)
    }
  }
}

/** Names are compared one with the other up to so many, which is faster than hashing them; above, it would be their square. */
const fewNames = 32

/** To be asked index by index, from 0: where the same name stands before, or -1. */
function twinsIn<T>(items: readonly T[], nameOf: (item: T) => string): (index: number) => number {
  if (items.length <= fewNames) {
    return index => {
      const name = nameOf(items[index]!)
      for (let before = 0; before < index; before++) if (nameOf(items[before]!) === name) return before
      return -1
    }
  }
  const places = new Map<string, number>()
  return index => {
    const name = nameOf(items[index]!)
    const twin = places.get(name) ?? -1
    if (twin < 0) places.set(name, index)
    return twin
  }
}

function fault(path: string, bound: string, value: unknown): PulltraceError {
  const seen = seenOf(value)
  return new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}, got ${seen}`, { path, bound, seen })
}
