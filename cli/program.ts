import { Command, InvalidArgumentError, Option } from 'commander'
import { historyGroups } from '../core/contract/api.ts'
import { errorCodes, phases, terminalPhases } from '../core/contract/words.ts'
import { version } from '../core/lib/version.ts'
import { exitCodeHelp } from './exit-code.ts'
import { maxLimit } from './history/history.ts'

export interface ServerOptions {
  readonly server?: string
  readonly tokenFile?: string
  readonly caFile?: string
}

/** kubectl's own flags; only where the command goes through a cluster. */
export interface ClusterOptions {
  readonly kubeconfig?: string
  readonly context?: string
  readonly allNamespaces?: boolean
  readonly pulltraceNamespace?: string
}

export interface WatchOptions extends ServerOptions, ClusterOptions {
  readonly layers?: boolean
  readonly output?: 'json'
  readonly wait?: boolean
  readonly color: boolean
  readonly node?: string
  readonly image?: string
  readonly phase?: string
  readonly namespace?: string
  readonly pod?: string
}

export interface HistoryOptions extends ServerOptions, ClusterOptions {
  readonly since?: string
  readonly until?: string
  readonly groupBy?: (typeof historyGroups)[number]
  readonly limit: number
  readonly output?: 'json'
  readonly node?: string
  readonly image?: string
  readonly phase?: string
  readonly errorCode?: string
  readonly namespace?: string
  readonly pod?: string
}

export interface WhyOptions extends ServerOptions, ClusterOptions {
  readonly namespace?: string
  readonly output?: 'json'
}

/** `pulltrace version` and `pulltrace --version`. */
export const versionText = `pulltrace ${version} (Node ${process.version})`

/** What each command does; the arguments are checked by then. */
export interface Actions {
  up(options: { readonly file: string; readonly color: boolean }): Promise<void>
  watch(options: WatchOptions): Promise<void>
  history(options: HistoryOptions): Promise<void>
  why(pod: string, options: WhyOptions): Promise<void>
  version(): void
}

/** As the user calls it; `kubectl pulltrace` finds its server through the cluster of a kubeconfig. */
export type CommandName = 'pulltrace' | 'kubectl pulltrace'

/** Arguments and help of `pulltrace`; what is done is in `actions`. */
export function createProgram(actions: Actions, name: CommandName): Command {
  const viaCluster = name === 'kubectl pulltrace'
  const program = new Command(name)
    .description('See every container-image pull on every node while it happens.')
    .version(versionText, '--version', 'show the version')
    .showHelpAfterError(`Run '${name} --help' to see what there is.`)
    .addHelpText('after', `\n${exitCodeHelp}`)
    .exitOverride()

  if (!viaCluster) {
    program
      .command('up')
      .description('run Pulltrace on this machine, without a cluster: agent, server, rules, and the pages of both')
      .requiredOption('-f, --file <file>', 'the PulltraceConfig to run, as a cluster would apply it; - is stdin')
      .option('--no-color', 'no colours (also: NO_COLOR)')
      .addHelpText('after', upHelp)
      .action((options: { file: string; color: boolean }) => actions.up(options))
  }

  const reader = (command: Command) => (viaCluster ? withCluster(withServer(command, 'kubectl')) : withServer(command))
  withFilters(reader(program.command('watch').description('show pulls while they happen')), phases, viaCluster)
    .option('-l, --layers', "show each pull's layers (key in a terminal: l)")
    .addOption(new Option('-o, --output <format>', 'one event a line instead of bars').choices(['json']))
    .option('--wait', 'wait for the server when it cannot be reached at first')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .addHelpText('after', watchHelp(name))
    .action((options: WatchOptions) => actions.watch(options))

  withFilters(reader(program.command('history').description('show pulls that have ended')), terminalPhases, viaCluster)
    .addOption(new Option('--error-code <code>', 'only pulls that failed for this reason').choices(errorCodes))
    .option('--since <time>', "ended since: '90m', '24h', '7d' (so long ago), a date or an RFC 3339 time")
    .option('--until <time>', 'ended before; as --since')
    .addOption(new Option('--group-by <what>', 'sums instead of single pulls').choices(historyGroups))
    .addOption(new Option('--limit <count>', 'most lines to show').argParser(countOf).default(50))
    .addOption(new Option('-o, --output <format>', 'one object a line instead of a table').choices(['json']))
    .addHelpText('after', historyHelp(name))
    .action((options: HistoryOptions) => actions.history(options))

  withCluster(withServer(program.command('why').argument('<pod>', "the pod's name"), 'kubectl'))
    .description('say what a pod waits for: its images, or what else')
    .option('-n, --namespace <name>', "the pod's namespace (default: that of the kubeconfig's context)")
    .addOption(new Option('-o, --output <format>', 'one object instead of a paragraph').choices(['json']))
    .addHelpText('after', whyHelp(name))
    .action((pod: string, options: WhyOptions) => actions.why(pod, options))

  program
    .command('version')
    .description('show the version')
    .action(() => actions.version())
  return program
}

function withServer(command: Command, way: 'url' | 'kubectl' = 'url'): Command {
  const otherwise = way === 'url' ? 'default: http://127.0.0.1:8080' : 'default: through the cluster'
  return command
    .option('-s, --server <url>', `the server (PULLTRACE_SERVER_URL; ${otherwise})`)
    .option('--token-file <file>', 'file with a reader token (PULLTRACE_READER_TOKEN_FILE, PULLTRACE_READER_TOKEN)')
    .option('--ca-file <file>', "certificates of the issuer of the server's (PULLTRACE_CA_FILE)")
}

function withCluster(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the cluster (KUBECONFIG; default: ~/.kube/config)')
    .option('--context <name>', 'which context of the kubeconfig to use')
    .option('--pulltrace-namespace <name>', 'where Pulltrace is installed (default: pulltrace-system)')
}

function withFilters(command: Command, known: readonly string[], viaCluster: boolean): Command {
  if (viaCluster) command.option('-A, --all-namespaces', 'pulls of all namespaces, and those that no pod waits for')
  const whose = viaCluster ? " (default: that of the kubeconfig's context; with --server: all)" : ''
  return command
    .option('--node <name>', 'only pulls on this node')
    .option('--image <text>', 'only images whose reference contains this')
    .addOption(
      new Option('--phase <phases>', `only these, separated by commas: ${known.join(', ')}`).argParser(phasesOf(known)),
    )
    .option('-n, --namespace <name>', `only pulls that pods of this namespace wait for${whose}`)
    .option('--pod <name>', 'only pulls that this pod waits for')
}

const phasesOf = (known: readonly string[]) => (text: string) => {
  const wrong = text.split(',').find(phase => !known.includes(phase))
  if (wrong !== undefined) throw new InvalidArgumentError(`'${wrong}' is none of ${known.join(', ')}.`)
  return text
}

function countOf(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > maxLimit) {
    throw new InvalidArgumentError(`It must be an integer from 1 to ${maxLimit}.`)
  }
  return count
}

const upHelp = `
It watches the containerd of this machine when its socket can be opened; if not, a demo runtime
pulls sample images, and pages, watch and history say DEMO DATA. History, rules and the first
password for the pages of rules are kept in ./data. It says where all pages are. Ctrl-C stops all.

Settings in the environment win over the file. To run a second copy beside the first, each
on any free port, its pages at an address of their own so that sign-ins stay apart:
  PULLTRACE_DATA_DIR=./data2 PULLTRACE_HTTP_ADDR=127.0.0.2:0 TK_HTTP_ADDR=127.0.0.2:0 \\
  PULLTRACE_METRICS_ADDR=127.0.0.1:0 PULLTRACE_AGENT_METRICS_ADDR=127.0.0.1:0 \\
  TK_GRPC_ADDR=127.0.0.1:0 TK_SENSOR_METRICS_ADDR=127.0.0.1:0 TK_UI_METRICS_ADDR=127.0.0.1:0 \\
  pulltrace up -f FILE
Where there is no 127.0.0.2 (macOS), write 127.0.0.1 and sign in to one copy at a time.

Example:
  pulltrace up -f config/samples/pulltraceconfig.yaml`

const watchHelp = (name: CommandName) => `
In a terminal: live bars (keys: l layers, q quit, Ctrl-Z suspend). Elsewhere: a line for each change
of phase and one of progress each 5 s. When the server comes back the stream goes on where it stopped.
With -o json a line {"type":"reset"} says: forget what you hold, the whole state follows.

Examples:
  ${name} watch --image team/app
  ${name} watch --phase failed -o json | jq .pull.error`

const historyHelp = (name: CommandName) => `
Examples:
  ${name} history --since 24h --phase failed
  ${name} history --group-by registry --since 7d`

const whyHelp = (name: CommandName) => `
It asks the Kubernetes API for the pod and its events, and the server, through the cluster, for the
pull. Without a server it says what the API alone can tell, and ends with code 3 or 4.

Examples:
  ${name} why web-7d9c5b6f4-x2x5l -n shop
  ${name} why web-7d9c5b6f4-x2x5l -o json | jq -r .waitsFor`
