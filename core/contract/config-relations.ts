import { parseDurationNs } from '../lib/duration.ts'
import { parseQuantity } from '../lib/quantity.ts'
import { isLabelKey, resourceNames } from './config-scheduling.ts'
import type { ConfigFault } from './parse-config.ts'
import type { PulltraceConfigSpec } from './pulltrace-config.ts'

/**
 * What holds between fields that are each right. The CRD says the same in CEL (`x-kubernetes-validations`), and
 * test/control-plane/crd.test.ts asks the API server whether both refuse the same.
 */
export function relationFaults(spec: PulltraceConfigSpec): ConfigFault[] {
  return [
    ...intervalFaults(spec),
    ...selectorFaults(spec.agent?.nodeSelector),
    ...(spec.agent?.tolerations ?? []).flatMap((toleration, index) =>
      tolerationFaults(toleration, `spec.agent.tolerations[${index}]`),
    ),
    ...resourceFaults(spec.agent?.resources, 'spec.agent.resources'),
    ...resourceFaults(spec.server?.resources, 'spec.server.resources'),
  ]
}

function intervalFaults({ reportInterval = '2s', idleReportInterval: idle }: PulltraceConfigSpec): ConfigFault[] {
  if (idle === undefined || parseDurationNs(idle)! >= parseDurationNs(reportInterval)!) return []
  const bound = `greater than or equal to reportInterval (${reportInterval})`
  return [fault('spec.idleReportInterval', bound, idle, 'raise it, or leave it out')]
}

function selectorFaults(selector: Readonly<Record<string, string>> = {}): ConfigFault[] {
  const bound = "keyed by label keys such as 'kubernetes.io/os'"
  return Object.keys(selector)
    .filter(key => !isLabelKey(key))
    .map(key => fault('spec.agent.nodeSelector', bound, key.slice(0, 80), 'write the label as the nodes have it'))
}

type Agent = NonNullable<PulltraceConfigSpec['agent']>

function tolerationFaults(
  { key = '', operator, value = '', effect, tolerationSeconds }: NonNullable<Agent['tolerations']>[number],
  path: string,
): ConfigFault[] {
  const faults: ConfigFault[] = []
  if (key === '' && operator !== 'Exists') {
    faults.push(fault(`${path}.operator`, "'Exists' when key is empty", operator, 'write `operator: Exists`'))
  }
  if (operator === 'Exists' && value !== '') {
    faults.push(fault(`${path}.value`, 'empty when operator is Exists', value, 'remove it'))
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const bound = "'NoExecute' when tolerationSeconds is set"
    faults.push(fault(`${path}.effect`, bound, effect, 'write `effect: NoExecute`'))
  }
  return faults
}

function resourceFaults({ requests = {}, limits = {} }: NonNullable<Agent['resources']> = {}, path: string) {
  return resourceNames.flatMap(name => {
    const [request, limit] = [requests[name], limits[name]]
    if (request === undefined || limit === undefined || parseQuantity(request)! <= parseQuantity(limit)!) return []
    const bound = `less than or equal to limits.${name} (${limit})`
    return [fault(`${path}.requests.${name}`, bound, request, 'lower it, or raise the limit')]
  })
}

function fault(path: string, bound: string, value: string | undefined, fix: string): ConfigFault {
  const seen = value === undefined ? 'nothing' : `'${value}'`
  return { path, reason: 'Invalid', bound, seen, fix, message: `\`${path}\` must be ${bound}, got ${seen}` }
}
