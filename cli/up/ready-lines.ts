import type { Env } from '../../core/lib/settings.ts'
import type { RulesPlan } from './plan-rules.ts'

export interface Ready {
  /** As the server was started. */
  readonly server: Env
  readonly url: string
  /** Where each program has its metrics. */
  readonly metrics: readonly { readonly of: string; readonly url: string }[]
  readonly nodeName: string
  readonly demo: boolean
  /** How this program was called. */
  readonly command: string
  /** Undefined when nothing of rules runs here. */
  readonly rules?: (Pick<RulesPlan, 'databaseFile' | 'passwordFile'> & { readonly url: string }) | undefined
}

const defaultUrl = 'http://127.0.0.1:8080'

/** What to do now: lines that can be copied into another terminal as they are. A token itself is never in them. */
export function readyLines({ server, url, metrics, nodeName, demo, command, rules }: Ready): string[] {
  const { curl, client, hint } = accessOf(server)
  const address = url === defaultUrl ? '' : ` --server ${url}`
  return [
    `Pulltrace is running${demo ? ' with DEMO DATA' : ''} as node ${nodeName}:`,
    `  pulls    ${url}/`,
    ...(rules
      ? [
          `  rules    ${rules.url}/`,
          `           sign in as admin; first password, until you change it: cat ${quoted(rules.passwordFile)}`,
        ]
      : []),
    `  events   curl -N${curl} ${url}/api/v1/events`,
    `  watch    ${quoted(command)} watch${address}${client}`,
    `  history  ${quoted(command)} history${address}${client}`,
    ...(rules
      ? [`  list     ${quoted(sensorApiOf(command))} rules list --database ${quoted(rules.databaseFile)}`]
      : []),
    ...metrics.map(({ of, url: base }) => `  metrics  ${base}/metrics  (${of})`),
    ...hint,
    'Ctrl-C stops everything.',
  ]
}

/** The program beside the one that was called. */
const sensorApiOf = (command: string) => command.replace(/[^/]*$/, 'tk-sensor-api')

/** What a reader of this server has to add: a credential, and who signed its certificate. */
function accessOf(server: Env) {
  const tokenFile = server['PULLTRACE_READER_TOKEN_FILE']
  const caFile = server['PULLTRACE_CA_FILE']
  const needsToken = server['PULLTRACE_READER_AUTH'] === 'token'
  const ca = server['PULLTRACE_TLS_CERT_FILE'] && caFile ? quoted(caFile) : undefined
  const token = tokenFile ? `$(cat ${quoted(tokenFile)})` : '$PULLTRACE_READER_TOKEN'
  return {
    curl: `${ca ? ` --cacert ${ca}` : ''}${needsToken ? ` -H "Authorization: Bearer ${token}"` : ''}`,
    client: `${needsToken && tokenFile ? ` --token-file ${quoted(tokenFile)}` : ''}${ca ? ` --ca-file ${ca}` : ''}`,
    hint:
      needsToken && !tokenFile ? ['These need PULLTRACE_READER_TOKEN in the environment of their terminal too.'] : [],
  }
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
