import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Registry } from 'prom-client'
import { agentSettings } from '../agent/config.ts'
import { createAgentMetrics } from '../agent/metrics.ts'
import { clientSettings } from '../cli/config.ts'
import { crdYaml } from '../core/contract/crd.ts'
import { jsonSchemaOf, namedSchemas, openapiOf } from '../core/contract/openapi.ts'
import { PulltraceConfig } from '../core/contract/pulltrace-config.ts'
import type { Setting } from '../core/lib/settings.ts'
import { version } from '../core/lib/version.ts'
import { settings as operatorSettings } from '../operator/config.ts'
import { createOperatorMetrics, watchedGauge } from '../operator/metrics.ts'
import { settings as serverSettings } from '../server/pulltrace/config.ts'
import { ServerMetrics } from '../server/pulltrace/metrics.ts'
import { settings as sensorApiSettings } from '../server/sensor-api/config.ts'
import { SensorApiMetrics } from '../server/sensor-api/metrics.ts'
import { settings as webUiSettings } from '../server/web-ui/config.ts'
import { WebUiMetrics } from '../server/web-ui/metrics.ts'

/** Makes what docs/, crds/ and core/lib/setting-names.ts say of the code from the code; with --check it only compares. */
type Settings = Readonly<Record<string, Setting<unknown>>>

const mark = 'Made by `make update-generated`; do not edit.'

function configuration(): string {
  const part = (title: string, settings: Settings) => {
    const rows = Object.values(settings).map(setting => {
      const fallback =
        setting.default === '' ? '' : setting.default === undefined ? 'must be set' : `\`${setting.default}\``
      return `| \`${setting.name}\` | ${fallback} | ${cell(sentence(setting.doc))} |`
    })
    return `## ${title}\n\n| variable | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`
  }
  const intro = `Every setting is an environment variable. A program checks all of them at its start and names every fault at once.
Addresses are \`host:port\` or \`:port\` (every address), durations are Go's (\`500ms\`, \`2s\`, \`168h\`). An empty variable counts as
not set, and one whose name begins as ours do but is no setting of any program is warned of at the start. With a fault a program
says all of them and ends with exit code 2; \`--check-settings\` has a program only look: exit code 2, or 0 when there is
none, also where it names a setting that nothing reads.
\`pulltrace up\` takes the same names for what it starts, and sets the rest from its PulltraceConfig.`
  const parts = [
    part('pulltrace-server', serverSettings),
    part('pulltrace-agent', agentSettings),
    part('pulltrace-operator', operatorSettings),
    part('tk-sensor-api', sensorApiSettings),
    part('tk-web-ui', webUiSettings),
    part('pulltrace watch, history, why', clientSettings),
  ]
  return `# Configuration\n\n<!-- ${mark} -->\n\n${intro}\n\n${parts.join('\n')}`
}

function metrics(): string {
  const none = { nodes: 0, staleNodes: 0, livePulls: 0, fetchedBytes: 0 }
  const server = new ServerMetrics({
    version,
    intake: () => none,
    pods: () => undefined,
    rules: () => undefined,
    settings: () => ({ reportIntervalMs: 0, idleReportIntervalMs: 0, refused: false }),
    streams: () => ({ clients: 0, events: 0, bytes: 0, resets: 0, slow: 0 }),
    history: async () => ({ healthy: true }),
    bodyBytesHeld: () => 0,
    connections: async () => 0,
  })
  const intro = `Prometheus reads them at \`/metrics\` of the health listener (\`PULLTRACE_METRICS_ADDR\`, \`PULLTRACE_AGENT_METRICS_ADDR\`, \`TK_SENSOR_METRICS_ADDR\`, \`TK_UI_METRICS_ADDR\`).
Labels take values from small fixed lists only: no image, node or pod ever becomes a series. The default metrics of the
process and of Node (\`process_*\`, \`nodejs_*\`) are there too; the operator also has what controllers written in Go have, under their
names: \`controller_runtime_*\`, \`workqueue_*\`, \`rest_client_requests_total\`, \`leader_election_master_status\`.`
  const parts = [
    metricTable('pulltrace-server', server.registry),
    metricTable('pulltrace-agent', createAgentMetrics(version).registry),
    metricTable('pulltrace-operator', operatorMetrics()),
    metricTable('tk-sensor-api', sensorApiMetrics()),
    metricTable('tk-web-ui', webUiMetrics.registry),
  ]
  return `# Metrics\n\n<!-- ${mark} -->\n\n${intro}\n\n${parts.join('\n')}`
}

/** Read by what has no table: sensors in jobs (options of the SDKs), the demo, and what the programs tell each other. */
const otherNames = [
  ...['PULLTRACE_COMMAND', 'PULLTRACE_DEMO_SOCKET', 'PULLTRACE_LEASHED'],
  ...['TK_API_KEY', 'TK_API_URL', 'TK_TAGS', 'TK_SYNC_INTERVAL', 'TK_SYNC_MODE', 'TK_FAILURE_MODE', 'TK_CACHE_TTL'],
  ...['TK_OVERFLOW', 'TK_BUFFER_EVENTS', 'TK_BUFFER_BYTES', 'TK_BLOCK_TIMEOUT', 'TK_SNAPSHOT_FILE', 'TK_DISABLED'],
]

/** Programs that never import each other share an environment: each must know the settings of all. */
function settingNames(): string {
  const tables = [serverSettings, agentSettings, operatorSettings, sensorApiSettings, webUiSettings, clientSettings]
  const names = tables.flatMap(table => Object.values<Setting<unknown>>(table).map(({ name }) => name))
  const lines = [...new Set([...names, ...otherNames])].sort().map(name => `  '${name}',\n`)
  return `// ${mark}\n\n/** The variables that any of our programs reads. */\nexport const settingNames: ReadonlySet<string> = new Set([\n${lines.join('')}])\n`
}

const webUiMetrics = new WebUiMetrics({ version, databaseUp: () => true, connections: async () => 0 })

function sensorApiMetrics(): Registry {
  const { registry } = new SensorApiMetrics({
    version,
    rules: () => undefined,
    databaseUp: () => true,
    storage: async () => ({}),
    inFlightBytes: () => 0,
    connections: () => 0,
  })
  return registry
}

/** With what it registers only once it leads. */
function operatorMetrics(): Registry {
  const { registry, kube } = createOperatorMetrics(version)
  watchedGauge(kube, () => ({}))
  return registry
}

interface MetricShape {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  readonly constructor: { readonly name: string }
}

function metricTable(title: string, registry: Registry): string {
  const all = registry.getMetricsAsArray() as unknown as readonly MetricShape[]
  const rows = all
    .filter(({ name }) => /^(?:pulltrace|trapperkeeper)_/.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(metric => {
      const labels = (metric.labelNames ?? []).filter(label => label !== 'le').map(label => `\`${label}\``)
      return `| \`${metric.name}\` | ${metric.constructor.name.toLowerCase()} | ${labels.join(', ')} | ${cell(metric.help)} |`
    })
  return `## ${title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

const cell = (text: string) => text.replaceAll('|', '\\|')
const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`
const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** A file of each named schema; they refer to each other by file name. */
function schemas(): [string, string][] {
  const all = { ...namedSchemas, PulltraceConfig }
  return Object.entries(all).map(([name, schema]) => [
    `docs/schema/${name}.json`,
    json({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: name,
      ...jsonSchemaOf(schema, other => `${other}.json`),
    }),
  ])
}

/** Every generated file, by its path in the repository. */
export const generated = (): ReadonlyMap<string, string> =>
  new Map([
    ['docs/configuration.md', configuration()],
    ['docs/metrics.md', metrics()],
    ['core/lib/setting-names.ts', settingNames()],
    ['docs/openapi.json', json(openapiOf(version))],
    ...schemas(),
    ['crds/pulltrace.dev_pulltraceconfigs.yaml', crdYaml(`# ${mark}\n`)],
  ])

function isFresh(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text
  } catch {
    return false
  }
}

/** The stale files below the root of the repository; mended unless `check`. */
export function generate(root: string, check: boolean): readonly string[] {
  const stale: string[] = []
  for (const [name, text] of generated()) {
    const file = path.join(root, name)
    if (isFresh(file, text)) continue
    stale.push(name)
    if (check) continue
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  return stale
}

if (import.meta.main) {
  const check = process.argv.includes('--check')
  const stale = generate(path.dirname(import.meta.dirname), check)
  for (const name of stale) console.log(`${name} ${check ? 'is stale: run `make update-generated`' : 'made again'}`)
  if (check && stale.length > 0) process.exitCode = 1
}
