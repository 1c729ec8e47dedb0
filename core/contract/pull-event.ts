import { type Static, Type } from 'typebox'
import { Pull } from './pull.ts'
import { Timestamp } from './schema.ts'

export const pullEventTypes = ['pull.started', 'pull.progress', 'pull.completed', 'pull.failed'] as const
export type PullEventType = (typeof pullEventTypes)[number]

export const PullEvent = Type.Object(
  {
    schemaVersion: Type.Literal('v1'),
    timestamp: Timestamp('When the server sent it.'),
    type: Type.Enum([...pullEventTypes]),
    nodeName: Type.String(),
    pull: Pull,
    left: Type.Optional(
      Type.Literal(true, { description: 'The pull no longer matches the filter of this stream: forget it.' }),
    ),
  },
  { $id: 'PullEvent', description: 'The data of one Server-Sent Event.' },
)
export type PullEvent = Static<typeof PullEvent>
