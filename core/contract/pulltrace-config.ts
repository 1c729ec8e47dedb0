import { type Static, Type } from 'typebox'
import { addressField, configField, durationField, nameField, namespaceField, quantityField } from './config-field.ts'
import { nodeSelectorField, resourcesField, tolerationField } from './config-scheduling.ts'
import type { PulltraceConfigStatus } from './pulltrace-status.ts'

/**
 * The one resource a cluster applies, and the file `pulltrace up` reads. The CRD is generated from
 * this schema (crd.ts): descriptions are what `kubectl explain` prints, `x-kubernetes-validations` is CEL for
 * what holds between fields (config-relations.ts says the same in ours), and defaults are written into the
 * object by the API server.
 */

/** Folders in which a runtime keeps its socket. The agent mounts the folder: a mounted socket file goes stale. */
export const runtimeDirectories = [
  '/run/containerd',
  '/var/run/containerd',
  '/run/k3s/containerd',
  '/var/snap/microk8s/common/run',
] as const

const Runtime = Type.Object(
  {
    type: Type.Optional(
      Type.Enum(['containerd'], { default: 'containerd', description: 'The container runtime of the nodes.' }),
    ),
    socket: Type.Optional(
      configField(
        Type.String({
          pattern: `^(${runtimeDirectories.join('|')})/[A-Za-z0-9_-][A-Za-z0-9._-]*$`,
          maxLength: 100,
          default: '/run/containerd/containerd.sock',
        }),
        {
          description:
            'Path of the containerd socket on the nodes. It must be a file in a known runtime directory, which the agent mounts.',
          bound: `a socket in one of ${runtimeDirectories.join(', ')}`,
          example: '/run/containerd/containerd.sock',
        },
      ),
    ),
  },
  { description: 'The container runtime that agents read from.' },
)

const Agent = Type.Object(
  {
    runtime: Type.Optional(Runtime),
    nodeSelector: Type.Optional(nodeSelectorField()),
    tolerations: Type.Optional(
      Type.Array(tolerationField(), {
        maxItems: 64,
        description: 'Taints that agents tolerate. Omitted: all, as pulls happen on every node.',
      }),
    ),
    resources: Type.Optional(resourcesField('the agent on each node')),
    priorityClassName: Type.Optional(nameField('PriorityClass of the agents.')),
    updateStrategy: Type.Optional(
      Type.Object(
        {
          maxUnavailable: Type.Optional(
            configField(
              Type.Union(
                [
                  Type.Integer({ minimum: 1, maximum: 5000 }),
                  Type.String({ pattern: '^([1-9]|[1-9][0-9]|100)%$', maxLength: 4 }),
                ],
                { default: '10%', 'x-kubernetes-int-or-string': true },
              ),
              {
                description: 'How many agents may be down at once during an update: a number or a share of the nodes.',
                bound: "a number from 1 to 5000 or a share from '1%' to '100%'",
                example: '10%',
              },
            ),
          ),
        },
        { description: 'How a new version of the agent is rolled out.' },
      ),
    ),
  },
  { description: 'The agent that runs on every node.' },
)

const Server = Type.Object(
  {
    resources: Type.Optional(resourcesField('the servers')),
    storage: Type.Optional(
      Type.Object(
        {
          size: Type.Optional({
            ...quantityField('64Mi', '1Pi', '2Gi', 'Size of the volume that holds the history.'),
            default: '2Gi',
          }),
          storageClassName: Type.Optional(
            nameField('StorageClass of the volume. Omitted: the default of the cluster.'),
          ),
        },
        { description: 'The volume of the servers.' },
      ),
    ),
    history: Type.Optional(
      Type.Object(
        { retention: Type.Optional(durationField('1m', '8760h', '168h', 'How long a finished pull is kept.')) },
        { description: 'The record of finished pulls.' },
      ),
    ),
    readerAuth: Type.Optional(
      Type.Enum(['token', 'none', 'kubernetes'], {
        description:
          'How readers of the API and the pages prove who they are: a shared token, nothing at all, or a Kubernetes ' +
          'token of someone who may get PulltraceConfigs. Omitted: token in a cluster, none for `pulltrace up` on loopback.',
      }),
    ),
    publicURL: Type.Optional(
      addressField(
        'Address of the pages of pulls that people use, behind an Ingress for instance; with https people can sign in ' +
          'there only. The pages of rules link to it.',
      ),
    ),
    service: Type.Optional(
      Type.Object(
        {
          type: Type.Optional(
            Type.Enum(['ClusterIP', 'NodePort', 'LoadBalancer'], {
              default: 'ClusterIP',
              description: 'Type of the Service.',
            }),
          ),
        },
        { description: 'The Service in front of the servers.' },
      ),
    ),
    tls: Type.Optional(
      Type.Object(
        { secretName: nameField('Secret with tls.crt and tls.key; reloaded when it changes.') },
        { description: 'Serve HTTPS instead of HTTP.' },
      ),
    ),
  },
  { description: 'pulltrace-server and, with rules, the servers beside it.' },
)

const Rules = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({ default: false, description: 'Run the rule half: tk-sensor-api and tk-web-ui.' }),
    ),
    publicURL: Type.Optional(
      addressField(
        'Address of the pages of rules that people use; with https people can sign in there only. The pages of pulls ' +
          'link to it.',
      ),
    ),
    retention: Type.Optional(durationField('1m', '8760h', '720h', 'How long a reported event is kept.')),
  },
  { description: 'Rules on pulls and on the records of other programs.' },
)

export const PulltraceConfigSpec = Type.Object(
  {
    reportInterval: Type.Optional(
      durationField(
        '100ms',
        '5m',
        '2s',
        'How often each agent looks at its runtime and reports while something is pulled.',
      ),
    ),
    idleReportInterval: Type.Optional(
      durationField(
        '100ms',
        '5m',
        undefined,
        'How often an agent reports while nothing is pulled on its node. The runtime is still looked at each ' +
          'reportInterval, and the first sign of a pull is reported at once. Omitted: as reportInterval.',
      ),
    ),
    agent: Type.Optional(Agent),
    server: Type.Optional(Server),
    rules: Type.Optional(Rules),
    watchNamespaces: Type.Optional(
      Type.Array(namespaceField('Name of a namespace.'), {
        maxItems: 256,
        uniqueItems: true,
        description: 'Namespaces whose pods are looked at. Empty: all.',
      }),
    ),
    imagePullSecrets: Type.Optional(
      Type.Array(
        Type.Object(
          { name: nameField('Name of the Secret.') },
          { description: 'A Secret of type kubernetes.io/dockerconfigjson.' },
        ),
        {
          maxItems: 16,
          uniqueItems: true,
          description: "Secrets for pulling Pulltrace's own image.",
        },
      ),
    ),
  },
  {
    description: 'What is wanted.',
    'x-kubernetes-validations': [
      {
        rule: "!has(self.idleReportInterval) || duration(self.idleReportInterval) >= duration(has(self.reportInterval) ? self.reportInterval : '2s')",
        message: 'must be greater than or equal to reportInterval',
        fieldPath: '.idleReportInterval',
      },
    ],
  },
)
export type PulltraceConfigSpec = Static<typeof PulltraceConfigSpec>

export const PulltraceConfig = Type.Object(
  {
    apiVersion: configField(Type.Literal('pulltrace.dev/v1alpha1'), {
      description: 'Version of this schema.',
      bound: "'pulltrace.dev/v1alpha1'",
      example: 'pulltrace.dev/v1alpha1',
    }),
    kind: configField(Type.Literal('PulltraceConfig'), {
      description: 'Kind of this resource.',
      bound: "'PulltraceConfig'",
      example: 'PulltraceConfig',
    }),
    // What else an object that was read from a cluster carries is the API server's business.
    metadata: Type.Object({ name: nameField('Name of the resource.') }, { additionalProperties: true }),
    spec: Type.Optional(PulltraceConfigSpec),
    // Written by the operator, judged by the API server: a config is not wrong because of what was found out about it.
    status: Type.Optional(Type.Unsafe<PulltraceConfigStatus>({ 'x-kubernetes-preserve-unknown-fields': true })),
  },
  { $id: 'PulltraceConfig', description: 'Turns Pulltrace on, in a cluster or on one machine.' },
)
export type PulltraceConfig = Static<typeof PulltraceConfig>
