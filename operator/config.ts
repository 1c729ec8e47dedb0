import { logLevels } from '../core/lib/log.ts'
import {
  durationMs,
  type Env,
  listenAddress,
  loadSettings,
  oneOf,
  optionalText,
  type Setting,
  text,
} from '../core/lib/settings.ts'

export const program = 'pulltrace-operator'

const namespaceName = (name: string, fallback: string, doc: string): Setting<string> => ({
  name,
  doc,
  default: fallback,
  parse(value) {
    if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(value)) throw new Error('the name of a namespace')
    return value
  },
})

const trueOrFalse = (name: string, fallback: 'true' | 'false', doc: string): Setting<boolean> => {
  const setting = oneOf(['true', 'false'])(name, fallback, doc)
  return { ...setting, parse: value => setting.parse(value) === 'true' }
}

/** Every setting of pulltrace-operator. docs/configuration.md is made from this table. */
export const settings = {
  image: text(
    'PULLTRACE_IMAGE',
    undefined,
    'The one image, of agents and servers. Only here: never in a PulltraceConfig.',
  ),
  imagePullPolicy: oneOf(['Always', 'IfNotPresent', 'Never'])(
    'PULLTRACE_IMAGE_PULL_POLICY',
    'IfNotPresent',
    'When the nodes pull that image.',
  ),
  operatorNamespace: namespaceName(
    'PULLTRACE_OPERATOR_NAMESPACE',
    'pulltrace-system',
    'Where the operator has its Lease and makes the servers.',
  ),
  agentNamespace: namespaceName('PULLTRACE_AGENT_NAMESPACE', 'pulltrace-agents', 'Where it makes the agents.'),
  metricsAddr: listenAddress(
    'PULLTRACE_OPERATOR_METRICS_ADDR',
    ':8081',
    'Where /healthz, /readyz and /metrics listen.',
  ),
  kubeconfigFile: optionalText(
    'PULLTRACE_KUBECONFIG',
    '',
    'Kubeconfig file, for a run outside a cluster. Empty: the ServiceAccount of the pod.',
  ),
  leaderElect: trueOrFalse(
    'PULLTRACE_LEADER_ELECT',
    'true',
    'Whether operators agree by a Lease on which one acts. Needed where more than one can run, as in an update.',
  ),
  resyncMs: durationMs(1000, 86_400_000, '1s to 24h')(
    'PULLTRACE_RESYNC_INTERVAL',
    '10m',
    'How often everything is compared again though no change was seen; jittered.',
  ),
  shutdownGraceMs: durationMs(0, 600_000, '0 to 10m')(
    'PULLTRACE_OPERATOR_SHUTDOWN_GRACE',
    '30s',
    'How long a stopping operator may take to end what it has begun.',
  ),
  logLevel: oneOf(logLevels)('PULLTRACE_LOG_LEVEL', 'info', 'The least important messages that are logged.'),
}

export type OperatorConfig = ReturnType<typeof loadSettings<typeof settings>>

export const loadOperatorConfig = (env: Env): OperatorConfig => loadSettings(program, settings, env)
