import { type Static, Type } from 'typebox'
import { Pull } from './pull.ts'
import { Bytes, Count, Nullable, Timestamp } from './schema.ts'

export const ErrorBody = Type.Object(
  {
    error: Type.Object({
      code: Type.String(),
      message: Type.String({ description: 'What is wrong, and why.' }),
      path: Type.Optional(Type.String({ description: 'Where: `pulls[2].layers[0].digest`.' })),
      bound: Type.Optional(Type.String({ description: 'What would be right.' })),
      seen: Type.Optional(Type.String({ description: 'What was there, shortened.' })),
      fix: Type.Optional(Type.String({ description: 'What to do now.' })),
    }),
  },
  { $id: 'ErrorBody' },
)
export type ErrorBody = Static<typeof ErrorBody>

export const PullList = Type.Object(
  {
    pulls: Type.Array(Pull),
    lastEventId: Type.String({ description: 'Start the stream after this id and nothing is missed.' }),
    nextCursor: Nullable(Type.String()),
  },
  { $id: 'PullList' },
)
export type PullList = Static<typeof PullList>

export const NodeView = Type.Object(
  {
    nodeName: Type.String(),
    agentVersion: Type.Optional(Type.String()),
    runtime: Type.Optional(Type.String({ description: 'Name and version.' })),
    lastReportAt: Timestamp('By the clock of the server.'),
    reportIntervalMs: Count('In force for this node. Unit: milliseconds.'),
    clockSkewMs: Type.Optional(
      Type.Integer({ description: 'Clock of the node minus clock of the server, when above 5 s. Unit: milliseconds.' }),
    ),
    stale: Type.Boolean(),
    activePulls: Count('Pulls that have not ended.'),
    downloadedBytes: Bytes('Of the active pulls; a layer that two pulls share counts once.'),
    totalBytes: Bytes('Of the active pulls; a layer that two pulls share counts once.'),
    bytesPerSec: Type.Number(),
    droppedTerminal: Count('Ended pulls the agent had to forget.'),
  },
  { $id: 'Node' },
)
export type NodeView = Static<typeof NodeView>

export const NodeList = Type.Object(
  { items: Type.Array(NodeView), nextCursor: Nullable(Type.String()) },
  { $id: 'NodeList' },
)
export type NodeList = Static<typeof NodeList>

export const HistoryList = Type.Object(
  { items: Type.Array(Pull), nextCursor: Nullable(Type.String()) },
  { $id: 'HistoryList' },
)
export type HistoryList = Static<typeof HistoryList>

export const historyGroups = ['image', 'node', 'registry'] as const
export type HistoryGroup = (typeof historyGroups)[number]

export const HistorySummary = Type.Object(
  {
    key: Type.String(),
    count: Count('Pulls that ended.'),
    failed: Count('Of these, failed.'),
    p50Seconds: Nullable(Type.Number({ description: 'Of the completed ones; null when there is none.' })),
    p95Seconds: Nullable(Type.Number()),
    bytes: Bytes('Sum of the downloaded bytes, cached ones included.'),
    cachedBytes: Bytes('Of these, cached.'),
  },
  { $id: 'HistorySummary' },
)
export type HistorySummary = Static<typeof HistorySummary>

export const HistorySummaryList = Type.Object(
  { items: Type.Array(HistorySummary), nextCursor: Nullable(Type.String()) },
  { $id: 'HistorySummaryList' },
)
export type HistorySummaryList = Static<typeof HistorySummaryList>

export const Ticket = Type.Object(
  {
    ticket: Type.String({ description: 'Valid once, within 60 s, as ?ticket=.' }),
    expiresAt: Timestamp('By the clock of the server.'),
  },
  { $id: 'Ticket' },
)
export type Ticket = Static<typeof Ticket>
