import { type Static, Type } from 'typebox'

/**
 * What the operator found out: written through the status subresource only. Its size does not grow with the
 * cluster: counts, never names of nodes.
 */

const count = (description: string) => Type.Integer({ minimum: 0, maximum: 2_147_483_647, description })

/** As metav1.Condition, with its bounds. */
export const PulltraceCondition = Type.Object(
  {
    type: Type.String({
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      maxLength: 316,
      description:
        'Ready: what the spec asks for is running. Reconciling: the operator works towards it. Stalled: it cannot, until ' +
        'somebody changes something. Degraded: it runs, but not all of it.',
    }),
    status: Type.Enum(['True', 'False', 'Unknown'], { description: 'Whether the condition holds.' }),
    reason: Type.String({
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      minLength: 1,
      maxLength: 1024,
      description: 'Why, as one CamelCase word for programs.',
    }),
    message: Type.String({ maxLength: 32_768, description: 'Why, and what to do, as a sentence for people.' }),
    lastTransitionTime: Type.String({
      format: 'date-time',
      description: 'When the status of the condition last changed.',
    }),
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: 'The metadata.generation of which the condition speaks.' }),
    ),
  },
  { description: 'One aspect of the state.' },
)
export type PulltraceCondition = Static<typeof PulltraceCondition>

export const PulltraceConfigStatus = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: 'The metadata.generation that this status is about.' }),
    ),
    conditions: Type.Optional(
      Type.Array(PulltraceCondition, {
        maxItems: 16,
        description: 'Ready, Reconciling, Stalled and Degraded, as kstatus and `kubectl wait` read them.',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      }),
    ),
    reportInterval: Type.Optional(
      Type.String({
        maxLength: 32,
        description: 'The report interval in force, which the server commands its agents.',
      }),
    ),
    agents: Type.Optional(
      Type.Object(
        {
          desired: count('Nodes that should run an agent.'),
          ready: count('Nodes whose agent is ready.'),
          updated: count('Nodes whose agent is of the newest template.'),
          // A printer column shows one field: a table with two numbers in one column needs them as one text.
          summary: Type.String({ maxLength: 32, description: 'ready/desired, for the column Agents.' }),
        },
        { description: 'The agents, counted.' },
      ),
    ),
    endpoint: Type.Optional(
      Type.String({ maxLength: 512, description: 'Address of the server inside the cluster, for readers and agents.' }),
    ),
  },
  { description: 'What is there. Written by the operator.' },
)
export type PulltraceConfigStatus = Static<typeof PulltraceConfigStatus>
